import { type Address, tryParseAddress } from '../address/address.ts';
import { formatPrefix, type Prefix, prefixContains } from '../address/prefix.ts';
import { type AgentConfiguration, parseAgentConfiguration } from '../agent/agent-configuration.ts';
import { nodeSettingsOf } from '../agent/configured-settings.ts';
import { buildClusterState } from '../cluster/build-cluster-state.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';
import type { Attachment } from '../cni/attachment.ts';
import { deriveHostLink } from '../cni/host-link-name.ts';
import { derivePodMac } from '../cni/pod-mac.ts';
import type { Pod } from '../kube/objects/pod.ts';
import type { Service } from '../kube/objects/service.ts';
import type { HostFacts } from '../plan/host-facts.ts';
import { assumedHostFacts } from '../plan/host-facts-schema.ts';
import type { NodeSettings } from '../plan/node-settings.ts';
import { peerDirectory } from '../plan/peer-directory.ts';
import { planAnnotations } from '../plan/plan-node.ts';
import type { PlannedManifests } from './planned-manifests.ts';

/** A cluster as manifests declare it, with what its agents would be told. */
export interface DeclaredCluster {
  readonly agent: AgentConfiguration;
  /** The agents' part that is the whole cluster's, with ranges that hold its pods. */
  readonly configuration: ClusterConfiguration;
  readonly settings: NodeSettings;
  /** With nodes as they are once their agents have announced them. */
  readonly cluster: ClusterState;
  readonly manifests: PlannedManifests;
  /** Nodes whose host somebody described; of the others it is taken for granted. */
  readonly described: ReadonlySet<string>;
  factsOf(node: string): HostFacts;
  /** What was taken for granted, and what of the manifests can't be used. */
  readonly warnings: readonly string[];
}

/** Reads what manifests say of a cluster. @param given the agents' configuration; absent: one with nothing in it */
export function declareCluster(manifests: PlannedManifests, given?: AgentConfiguration): DeclaredCluster {
  const { state, findings } = buildClusterState({ ...manifests, pods: manifests.pods.map(asRunning) });
  const warnings = findings.map(({ object, field, message }) => `${object}: ${field}: ${message}`);
  warnings.push(...manifests.services.flatMap(withoutAddress));
  const agent = given ?? parseAgentConfiguration('');
  const known = given === undefined ? plausiblePrefixes(agent.cluster, state, warnings) : undefined;
  const configuration = known === undefined ? agent.cluster : { ...agent.cluster, clusterPrefixes: known };
  const declared = new Map(manifests.hosts.map(({ node, facts }) => [node, facts]));
  const factsOf = (node: string): HostFacts =>
    declared.get(node) ?? assumedHostFacts(state.nodes.get(node)?.addresses ?? []);
  const settings = nodeSettingsOf(agent, agent.masquerade.enabled ? undefined : 'off');
  const cluster = announced(state, configuration, settings, factsOf);
  return { agent, configuration, settings, cluster, manifests, described: new Set(declared.keys()), factsOf, warnings };
}

/** Whoever writes a pod's address into a manifest, and not its phase, means one that runs. */
function asRunning(pod: Pod): Pod {
  const { status } = pod;
  if (status?.podIP === undefined || status.phase !== undefined) return pod;
  return { ...pod, status: { ...status, phase: 'Running' } };
}

/** The nodes as they are once their agents have announced them; what the manifests say of that already counts. */
function announced(
  state: ClusterState,
  configuration: ClusterConfiguration,
  settings: NodeSettings,
  factsOf: (node: string) => HostFacts,
): ClusterState {
  const directory = peerDirectory(state);
  const nodes = Array.from(state.nodes.values(), (node) => {
    const input = { node: node.name, directory, configuration, facts: factsOf(node.name), settings };
    const { plan } = planAnnotations(input);
    return [node.name, { ...node, annotations: { ...plan, ...node.annotations } }] as const;
  });
  return { ...state, nodes: new Map(nodes) };
}

/** Without a configuration the default ranges hold, but for a family whose pods are somewhere else. */
function plausiblePrefixes(
  { clusterPrefixes }: ClusterConfiguration,
  { nodes, endpoints }: ClusterState,
  warnings: string[],
): readonly Prefix[] {
  const nodeAddresses = new Set(nodes.values().flatMap((node) => node.addresses.map(addressKey)));
  const seen: Address[] = [
    ...nodes.values().flatMap(({ podPrefixes }) => podPrefixes.map(({ address }) => address)),
    ...endpoints.values().flatMap((some) => some.map(({ address }) => address)),
  ].filter((address) => !nodeAddresses.has(addressKey(address)));
  return clusterPrefixes.filter((prefix) => {
    const { family } = prefix.address;
    const fits = seen.every((address) => address.family !== family || prefixContains(prefix, address));
    if (!fits)
      warnings.push(
        `there are pods outside ${formatPrefix(prefix)}, the default of clusterPrefixes, which is left out: give the agent's configuration with --config`,
      );
    return fits;
  });
}

function addressKey({ family, value }: Address): string {
  return `${family} ${value}`;
}

function withoutAddress({ metadata, spec }: Service): readonly string[] {
  if (spec === undefined || spec.type === 'ExternalName') return [];
  if (spec.clusterIP !== undefined || spec.clusterIPs !== undefined) return [];
  return [
    `Service ${metadata.namespace}/${metadata.name} has no clusterIP: the API chooses one; write one down to plan it`,
  ];
}

/** What CNI ADD would write down for a pod of the node; its container is only known on the node. */
export function attachmentOf(
  { cluster: { pods }, agent }: Pick<DeclaredCluster, 'cluster' | 'agent'>,
  pod: Pod,
  node: string,
  mtu = agent.mtu ?? 1500,
): Attachment | undefined {
  const { namespace = 'default', name, uid = `${namespace}-${name}` } = pod.metadata;
  const { addresses = [], hostNetwork = false } = pods.get(`${namespace}/${name}`) ?? {};
  if (pod.spec?.nodeName !== node || hostNetwork || addresses.length === 0) return undefined;
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const portMappings = ports.flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP: at = '' }) => {
    if (hostPort === undefined) return [];
    const hostIP = tryParseAddress(at);
    return [{ hostPort, containerPort, protocol: PROTOCOLS[protocol], ...(hostIP !== undefined && { hostIP }) }];
  });
  const key = { containerId: uid, interfaceName: 'eth0' };
  return {
    ...key,
    network: 'flatnet',
    namespacePath: `/run/netns/${uid}`,
    addresses,
    hostLink: deriveHostLink(key),
    mac: derivePodMac(addresses),
    wiring: agent.wiring,
    mtu,
    pod: { namespace, name },
    portMappings,
  };
}

const PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;
