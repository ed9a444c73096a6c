import { isDeepStrictEqual } from 'node:util';
import { addToAddress } from '../address/address.ts';
import { FAMILIES } from '../address/family.ts';
import { defaultPrefix, prefixContains, prefixOf } from '../address/prefix.ts';
import type { Attachment } from '../cni/attachment.ts';
import { derivePodMac } from '../cni/pod-mac.ts';
import type { HostState } from '../host/network-state.ts';
import { MAIN_TABLE } from '../host/route.ts';
import type { Finding } from '../plan/finding.ts';
import type { ForeignRoute, HostFacts, Uplink } from '../plan/host-facts.ts';
import { assumedHostFacts } from '../plan/host-facts-schema.ts';
import type { NodePlan, Path } from '../plan/node-plan.ts';
import type { Peer } from '../plan/peer-directory.ts';
import { type NodeInput, outlineNode } from '../plan/plan-node.ts';
import { planHostState } from '../render/planned-host.ts';
import type { Explanation } from '../verify/cause/explanation.ts';
import { RULE_NAMES, type RuleName } from '../verify/report.ts';

/** A rule that a plan would break for this node or its pods, and why. */
export interface PlanBreach extends Explanation {
  readonly rule: RuleName;
  readonly from: string;
  readonly to: string;
}

/** Other nodes that stand for all those that are reached alike. */
const EXAMPLES = 2;

/**
 * Proves the three rules for this node and its pods under a plan, before the kernel sees it. Other nodes are taken to be as
 * their objects say and to carry out their own plans; of those that are reached alike, a few stand for all.
 */
export class PlanProof {
  #last: { readonly plan: NodePlan; readonly facts: HostFacts; readonly breaches: readonly PlanBreach[] } | undefined;

  /** What the plan breaks; nothing is computed anew as long as plan and facts are those of the last time. */
  async breaches(input: NodeInput, plan: NodePlan): Promise<readonly PlanBreach[]> {
    const { facts } = input;
    const last = this.#last;
    if (last !== undefined && isDeepStrictEqual(last.plan, plan) && isDeepStrictEqual(last.facts, facts))
      return last.breaches;
    const breaches = await prove(input, plan);
    this.#last = { plan, facts, breaches };
    return breaches;
  }
}

async function prove(input: NodeInput, plan: NodePlan): Promise<readonly PlanBreach[]> {
  // agents that prove nothing don't carry the proof about
  const [{ proveRules }, { explainBreach }] = await Promise.all([
    import('../verify/proof/prove-rules.ts'),
    import('../verify/cause/explain-breach.ts'),
  ]);
  const own = outlineNode(input).plan;
  if (own === undefined) return [];
  const peers = examplePeers(input, plan);
  const hosts = [
    planHostState(own, withRouter(input.facts, input.facts.uplinks)),
    ...peers.flatMap((peer) => peerState(peer, input) ?? []),
  ];
  const nodes = [input.directory.peers.get(input.node), ...peers].filter((peer) => peer !== undefined);
  const fabric = nodes.flatMap(({ name, podPrefixes }) => podPrefixes.map((prefix) => ({ prefix, host: name })));
  const breaches = new Map<string, PlanBreach>();
  proveRules(hosts, {
    fabric: input.configuration.backend === 'cloud' ? fabric : [],
    explain(evidence, map) {
      const explanation = explainBreach(evidence, map);
      const { rule, from, to } = evidence;
      // what others say to each other is theirs to prove
      if (from.host === input.node || to.host === input.node)
        breaches.set(`${rule} ${explanation.cause}`, { ...explanation, rule, from: from.name, to: to.name });
      return explanation;
    },
  });
  return [...breaches.values()].sort((left, right) => RULE_NAMES.indexOf(left.rule) - RULE_NAMES.indexOf(right.rule));
}

/** Of the peers that the plan has a path to, some for each way of reaching them. */
function examplePeers({ directory }: NodeInput, { paths }: NodePlan): readonly Peer[] {
  const byWay = new Map<string, Set<string>>();
  for (const { node, family, path } of paths) {
    const way = `${family} ${wayOf(path)}`;
    const nodes = byWay.get(way) ?? new Set();
    byWay.set(way, nodes);
    if (path.kind !== 'none' && nodes.size < EXAMPLES) nodes.add(node);
  }
  const names = new Set([...byWay.values()].flatMap((nodes) => [...nodes]));
  return [...names].flatMap((name) => directory.peers.get(name) ?? []);
}

function wayOf(path: Path): string {
  return path.kind === 'direct' || path.kind === 'tunnel' ? `${path.kind} ${path.device}` : path.kind;
}

/** A peer as its own agent would have it, with one pod. */
function peerState(peer: Peer, input: NodeInput): HostState | undefined {
  const facts = peerFacts(peer, input.facts);
  const { plan } = outlineNode({ ...input, node: peer.name, facts, attachments: [] });
  if (plan === undefined) return undefined;
  const attachments = [examplePod(peer, input, plan.plan.podMtu)];
  const planned = outlineNode({ ...input, node: peer.name, facts, attachments }).plan;
  return planned === undefined ? undefined : planHostState(planned, facts);
}

function examplePod({ name, podPrefixes }: Peer, { settings }: NodeInput, mtu: number): Attachment {
  const addresses = podPrefixes.map(({ address }) => addToAddress(address, 9));
  return {
    containerId: `example-${name}`,
    interfaceName: 'eth0',
    network: 'flatnet',
    namespacePath: `/run/netns/example-${name}`,
    addresses,
    hostLink: 'vethexample',
    mac: derivePodMac(addresses),
    wiring: settings.wiring,
    mtu,
    pod: { namespace: 'example', name },
    portMappings: [],
  };
}

/** What is taken for granted of another node's host: subnets as wide as ours where they are the same. */
function peerFacts({ addresses }: Peer, own: HostFacts): HostFacts {
  const assumed = assumedHostFacts(addresses);
  const uplinks = assumed.uplinks.map((uplink): Uplink => {
    const mtu = own.uplinks[0]?.mtu ?? uplink.mtu;
    return { ...uplink, mtu, addresses: uplink.addresses.map((row) => ({ ...row, length: lengthOf(row, own) })) };
  });
  return withRouter({ ...assumed, uplinks, bridgeNetfilter: own.bridgeNetfilter }, uplinks);
}

function lengthOf({ address, length }: Uplink['addresses'][number], { uplinks }: HostFacts): number {
  const shared = uplinks
    .flatMap((uplink) => uplink.addresses)
    .find((own) => prefixContains(prefixOf(own.address, own.length), address));
  return shared?.length ?? length;
}

/** `linux/rtnetlink.h`: RTPROT_BOOT. */
const BOOT = 3;

/** With a default route where there is none: how hosts reach hosts of other subnets isn't what a plan decides. */
function withRouter(facts: HostFacts, uplinks: readonly Uplink[]): HostFacts {
  const routes = FAMILIES.flatMap((family): readonly ForeignRoute[] => {
    const has = facts.foreignRoutes.some(
      ({ destination }) => destination.length === 0 && destination.address.family === family,
    );
    for (const { device, addresses } of has ? [] : uplinks)
      for (const { address, length } of addresses)
        if (address.family === family) {
          const gateway = addToAddress(prefixOf(address, length).address, 1);
          const destination = defaultPrefix(family);
          return [{ table: MAIN_TABLE, destination, device, gateway, protocol: BOOT, metric: 0 }];
        }
    return [];
  });
  return { ...facts, foreignRoutes: [...facts.foreignRoutes, ...routes] };
}

/** Breaches as findings: a refusal of the plan, or a warning. */
export function breachFindings(breaches: readonly PlanBreach[], severity: Finding['severity']): readonly Finding[] {
  return breaches.map(({ rule, cause, responsible, remedy, from, to }): Finding => {
    const where = responsible === undefined ? '' : ` (${responsible})`;
    return {
      severity,
      code: 'rule-broken',
      subject: rule,
      message: `the plan breaks ${rule}: ${cause}${where}, for packets from ${from} to ${to}`,
      ...(remedy !== undefined && { remedy }),
    };
  });
}
