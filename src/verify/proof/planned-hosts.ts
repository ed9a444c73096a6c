/** For tests: the hosts of small clusters as their plans make them, and faults in them. */
import assert from 'node:assert/strict';
import type { Family } from '../../address/family.ts';
import type { BackendName } from '../../cluster/cluster-configuration.ts';
import type { Wiring } from '../../cni/attachment.ts';
import type { HostState, NetworkState } from '../../host/network-state.ts';
import { parseIptablesSave } from '../../netfilter/iptables/parse-iptables-save.ts';
import { translateIptables } from '../../netfilter/iptables/translate/translate-ruleset.ts';
import { parseNftText } from '../../netfilter/nft-text/parse-ruleset.ts';
import type { Table } from '../../netfilter/node.ts';
import { announcedDirectory, attachment, nodeInput, plannedHost, SETTINGS } from '../../plan/arbitrary.ts';
import { outlineNode } from '../../plan/plan-node.ts';
import { planHostState } from '../../render/planned-host.ts';
import type { FabricRoute } from '../model/site.ts';

export interface ClusterShape {
  readonly hosts: number;
  readonly pods: number;
  readonly backend: BackendName;
  readonly families: readonly Family[];
  readonly wiring?: Wiring;
}

export interface PlannedCluster {
  readonly hosts: readonly HostState[];
  readonly fabric: readonly FabricRoute[];
}

/** Hosts with some pods each, every other one on another subnet where the backend knows a way there. */
export function plannedCluster({
  hosts: count,
  pods,
  backend,
  families,
  wiring = 'point-to-point',
}: ClusterShape): PlannedCluster {
  const planned = Array.from({ length: count }, (_, number) =>
    plannedHost({ number, subnet: backend === 'host-gw' ? 1 : 1 + (number % 2), families, backend }),
  );
  const settings = { ...SETTINGS, wiring };
  const directory = announcedDirectory(planned, settings);
  const hosts = planned.map((host) => {
    const attachments = Array.from({ length: pods }, (_, number) =>
      attachment(host, number, { wiring, pod: { namespace: host.node.name, name: `${number}` } }),
    );
    const { plan } = outlineNode(nodeInput(host, directory, { attachments, settings }));
    return planHostState(plan ?? assert.fail(), host.facts);
  });
  const fabric = planned.flatMap(({ node }) => node.podPrefixes.map((prefix) => ({ prefix, host: node.name })));
  return { hosts, fabric: backend === 'cloud' ? fabric : [] };
}

/** The hosts with the own namespace of one of them changed. */
export function withRoot(
  hosts: readonly HostState[],
  name: string,
  change: (root: NetworkState) => Partial<NetworkState>,
): readonly HostState[] {
  return hosts.map((host) => (host.name === name ? { ...host, root: { ...host.root, ...change(host.root) } } : host));
}

/** The hosts with more tables on one of them, in nft's language. */
export function withNft(hosts: readonly HostState[], name: string, text: string): readonly HostState[] {
  return withTables(hosts, name, parseNftText(text).tables);
}

/** The hosts with rules of iptables-save on one of them. */
export function withIptables(hosts: readonly HostState[], name: string, text: string): readonly HostState[] {
  return withTables(
    hosts,
    name,
    translateIptables(parseIptablesSave(text), { family: 4, variant: 'legacy', sets: [] }),
  );
}

function withTables(hosts: readonly HostState[], name: string, tables: readonly Table[]): readonly HostState[] {
  return withRoot(hosts, name, ({ ruleset }) => ({ ruleset: { tables: [...ruleset.tables, ...tables] } }));
}
