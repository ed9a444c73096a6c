import { type Address, tryParseAddress } from '../address/address.ts';
import { formatPrefix, type Prefix, prefixContains } from '../address/prefix.ts';
import { type AgentConfiguration, parseAgentConfiguration } from '../agent/agent-configuration.ts';
import { buildClusterState } from '../cluster/build-cluster-state.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';
import type { Attachment } from '../cni/attachment.ts';
import { deriveHostLink } from '../cni/host-link-name.ts';
import { derivePodMac } from '../cni/pod-mac.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { Pod } from '../kube/objects/pod.ts';
import type { Service } from '../kube/objects/service.ts';
import type { HostFacts } from '../plan/host-facts.ts';
import { assumedHostFacts } from '../plan/host-facts-schema.ts';
import type { NodePlan } from '../plan/node-plan.ts';
import type { NodeSettings } from '../plan/node-settings.ts';
import { peerDirectory } from '../plan/peer-directory.ts';
import { planAnnotations, planNode } from '../plan/plan-node.ts';
import { planServices } from '../plan/service/plan-services.ts';
import type { ServicePlan } from '../plan/service/service-plan.ts';
import type { PlannedManifests } from './planned-manifests.ts';

export interface DeclaredPlanInput {
  readonly manifests: PlannedManifests;
  /** Name of the node that the plan is for. */
  readonly node: string;
  /** The agent's; absent: one with nothing in it. */
  readonly configuration?: AgentConfiguration;
  /** Nothing but services is asked for: a node that can't be planned otherwise is no hindrance. */
  readonly servicesOnly: boolean;
}

/** What a node would get. */
export interface DeclaredPlan {
  /** Absent where nobody asked for it, and where the manifests have no Node at all. */
  readonly node?: NodePlan;
  readonly services: ServicePlan;
  /** Where pods are, as far as it is known. */
  readonly clusterPrefixes: readonly Prefix[];
  /** What was taken for granted, and what of the manifests can't be used. */
  readonly warnings: readonly string[];
}

/**
 * Plans a node from manifests, by the code that an agent plans by.
 * @throws FlatnetError `not-found` for a node that isn't among those given, `invalid` where the plan is refused
 */
export function planFromManifests(input: DeclaredPlanInput): DeclaredPlan {
  const { manifests, node: name } = input;
  const { state, findings } = buildClusterState(manifests);
  const warnings = findings.map(({ object, field, message }) => `${object}: ${field}: ${message}`);
  warnings.push(...manifests.services.flatMap(withoutAddress));
  const own = state.nodes.get(name);
  if (own === undefined && state.nodes.size > 0)
    throw new FlatnetError({
      operation: 'plan node',
      code: 'not-found',
      message: `there is no Node ${name} in the manifests`,
      remedy: `name one of ${[...state.nodes.keys()].join(', ')}, or add its Node object`,
    });
  if (own === undefined) warnings.push(`the manifests have no Node: the plan of ${name} has services alone`);

  const agent = input.configuration ?? parseAgentConfiguration('');
  const known = input.configuration === undefined ? plausiblePrefixes(agent.cluster, state, warnings) : undefined;
  const configuration = known === undefined ? agent.cluster : { ...agent.cluster, clusterPrefixes: known };
  const declared = new Map(manifests.hosts.map(({ node, facts }) => [node, facts]));
  const factsOf = (node: string): HostFacts =>
    declared.get(node) ?? assumedHostFacts(state.nodes.get(node)?.addresses ?? []);
  if (own !== undefined && !declared.has(name) && !input.servicesOnly)
    warnings.push(`there are no HostFacts of ${name}: taken for granted is one uplink, eth0, with MTU 1500`);
  const settings = settingsOf(agent);
  const cluster = announced(state, configuration, settings, factsOf);
  const attachments = manifests.pods.flatMap((pod) => attachmentOf(pod, cluster, name, agent));
  const directory = peerDirectory(cluster);
  const facts = factsOf(name);
  const { nodePortAddresses } = agent;
  const services = planServices({
    node: name,
    cluster,
    configuration,
    facts,
    attachments,
    settings: nodePortAddresses === undefined ? {} : { nodePortAddresses },
    directory,
  });
  const rest = { services, clusterPrefixes: configuration.clusterPrefixes };
  if (own === undefined || input.servicesOnly) return { ...rest, warnings };

  const planning = planNode({ node: name, directory, configuration, facts, attachments: [], settings });
  const { plan } = planning;
  const refusals = planning.findings.filter(({ severity }) => severity === 'refusal');
  if (plan === undefined)
    throw new FlatnetError({
      operation: 'plan node',
      code: 'invalid',
      message: refusals.map(({ message }) => message).join('; '),
      remedy: refusals.flatMap(({ remedy }) => remedy ?? []).join('; '),
    });
  return { ...rest, node: plan, warnings: [...warnings, ...planning.findings.map(({ message }) => message)] };
}

function settingsOf(agent: AgentConfiguration): NodeSettings {
  const { wiring, mtu, allowForward, acceptedProtocols, flannelDirectRouting, masquerade } = agent;
  return {
    wiring,
    allowForward,
    flannelDirectRouting,
    acceptedProtocols,
    ...(mtu !== undefined && { mtu }),
    ...(!masquerade.enabled && { masquerade: 'off' as const }),
  };
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

/** What CNI ADD would write down for a pod of the node that has host ports; its container is only known on the node. */
function attachmentOf(
  pod: Pod,
  { pods }: ClusterState,
  node: string,
  agent: AgentConfiguration,
): readonly Attachment[] {
  const { namespace = 'default', name, uid = `${namespace}-${name}` } = pod.metadata;
  const { addresses = [], hostNetwork = false } = pods.get(`${namespace}/${name}`) ?? {};
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const portMappings = ports.flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP: at = '' }) => {
    if (hostPort === undefined) return [];
    const hostIP = tryParseAddress(at);
    return [{ hostPort, containerPort, protocol: PROTOCOLS[protocol], ...(hostIP !== undefined && { hostIP }) }];
  });
  if (pod.spec?.nodeName !== node || hostNetwork || addresses.length === 0 || portMappings.length === 0) return [];
  const key = { containerId: uid, interfaceName: 'eth0' };
  return [
    {
      ...key,
      network: 'flatnet',
      namespacePath: `/run/netns/${uid}`,
      addresses,
      hostLink: deriveHostLink(key),
      mac: derivePodMac(addresses),
      wiring: agent.wiring,
      mtu: agent.mtu ?? 1500,
      pod: { namespace, name },
      portMappings,
    },
  ];
}

const PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;
