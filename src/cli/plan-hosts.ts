import { addToAddress } from '../address/address.ts';
import { defaultPrefix, prefixOf } from '../address/prefix.ts';
import type { AgentConfiguration } from '../agent/agent-configuration.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';
import type { HostState } from '../host/network-state.ts';
import { MAIN_TABLE } from '../host/route.ts';
import type { ForeignRoute, HostFacts } from '../plan/host-facts.ts';
import { peerDirectory } from '../plan/peer-directory.ts';
import { outlineNode } from '../plan/plan-node.ts';
import { planHostState } from '../render/planned-host.ts';
import type { FabricRoute } from '../verify/model/site.ts';
import { attachmentOf, declareCluster } from './declared-cluster.ts';
import type { PlannedManifests } from './planned-manifests.ts';

/** All hosts of a cluster that there is in manifests alone, as they will be once their agents have applied their plans. */
export interface PlannedHosts {
  readonly hosts: readonly HostState[];
  readonly cluster: ClusterState;
  /** What the fabric does for pods' addresses, where the cluster relies on it. */
  readonly fabric: readonly FabricRoute[];
  /** What was taken for granted, and nodes that can't be planned. */
  readonly warnings: readonly string[];
}

/** Plans every node of the manifests, with its pods, by the code that agents plan by. */
export function planHosts(manifests: PlannedManifests, given?: AgentConfiguration): PlannedHosts {
  const declared = declareCluster(manifests, given);
  const { cluster, configuration, settings, factsOf, described } = declared;
  const directory = peerDirectory(cluster);
  const podsByNode = Map.groupBy(manifests.pods, ({ spec }) => spec?.nodeName);
  const warnings = [...declared.warnings, ...directory.findings.map(({ message }) => message)];
  const assumed = [...cluster.nodes.keys()].filter((node) => !described.has(node));
  if (assumed.length > 0)
    warnings.push(
      `without HostFacts, one uplink eth0 with MTU 1500 and a default route is taken for granted: ${listed(assumed)}`,
    );
  const hosts = [...cluster.nodes.keys()].flatMap((node): readonly HostState[] => {
    const facts = described.has(node) ? factsOf(node) : withDefaultRoute(factsOf(node));
    const pods = podsByNode.get(node) ?? [];
    const base = { node, directory, configuration, facts, settings };
    const mtu = outlineNode({ ...base, attachments: [] }).plan?.plan.podMtu;
    const attachments = pods.flatMap((pod) => attachmentOf(declared, pod, node, mtu) ?? []);
    const { plan, findings } = outlineNode({ ...base, attachments });
    for (const { severity, message } of findings)
      warnings.push(severity === 'refusal' ? `${node} can not be planned: ${message}` : message);
    return plan === undefined ? [] : [planHostState(plan, facts)];
  });
  return { hosts, cluster, fabric: fabricOf(configuration.backend, cluster), warnings };
}

/** `linux/rtnetlink.h`: RTPROT_BOOT. */
const BOOT = 3;

/** Hosts that nobody described have a router on their subnet, as hosts do: its first address. */
function withDefaultRoute(facts: HostFacts): HostFacts {
  const routes = facts.uplinks.flatMap(({ device, addresses }) =>
    addresses.map(({ address, length }): ForeignRoute => {
      const destination = defaultPrefix(address.family);
      const gateway = addToAddress(prefixOf(address, length).address, 1);
      return { table: MAIN_TABLE, destination, device, gateway, protocol: BOOT, metric: 0 };
    }),
  );
  return { ...facts, foreignRoutes: [...facts.foreignRoutes, ...routes] };
}

const LISTED = 5;

function listed(names: readonly string[]): string {
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return `${names.slice(0, LISTED).join(', ')}${more}`;
}

/** A cloud's fabric has a route to each node's pods; other backends ask nothing of it but to carry packets between nodes. */
function fabricOf(backend: string, { nodes }: ClusterState): readonly FabricRoute[] {
  if (backend !== 'cloud') return [];
  return [...nodes.values()].flatMap(({ name, podPrefixes }) => podPrefixes.map((prefix) => ({ prefix, host: name })));
}
