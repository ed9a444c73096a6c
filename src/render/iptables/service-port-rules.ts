import type { Address } from '../../address/address.ts';
import { type Prefix, prefixContains } from '../../address/prefix.ts';
import type { IptablesChain, IptablesRule, IptablesTarget } from '../../netfilter/iptables/node.ts';
import type { ServicePool } from '../../plan/service/service-plan.ts';
import { DROP, MARK_MASQUERADE, reject } from './base-rules.ts';
import { type ServiceChainRole, serviceChainName } from './chain-name.ts';
import { choosingRules, endpointChain, nameEndpoints } from './endpoint-chains.ts';
import { comment, destinationPort, exactly, isLocal, jump, ofProtocol, outside, within } from './iptables-rule.ts';
import type { ServicePortView } from './service-port.ts';

/** What one port of a service adds to the chains that all share, and the chains of its own. */
export interface ServicePortRules {
  /** To KUBE-SERVICES and KUBE-NODEPORTS of table nat. */
  readonly services: readonly IptablesRule[];
  readonly nodePorts: readonly IptablesRule[];
  /** To KUBE-SERVICES, KUBE-EXTERNAL-SERVICES and KUBE-PROXY-FIREWALL of table filter. */
  readonly refusals: readonly IptablesRule[];
  readonly externalRefusals: readonly IptablesRule[];
  readonly firewall: readonly IptablesRule[];
  /** Of table nat. */
  readonly chains: readonly IptablesChain[];
}

/** Of the node and its cluster, in the port's family. */
export interface PortSurroundings {
  /** Where pods are: what comes from there keeps its source. */
  readonly clusterPrefix?: Prefix;
  readonly nodeAddress?: Address;
}

/** The rules of one port of a service: a pure function of the two, in the order in which kube-proxy writes them. */
export function servicePortRules(view: ServicePortView, surroundings: PortSurroundings): ServicePortRules {
  const { clusterAddresses, externalAddresses, balancedAddresses, nodePort, hasEndpoints } = view;
  const { internal, external, name } = view;
  const to = (address: Address, text: string, target: IptablesTarget) => toPort(view, text, target, address);
  const reachable = hasEndpoints ? (addresses: readonly Address[]) => addresses : () => [];
  const isFiltered = hasEndpoints && view.sources !== undefined && balancedAddresses.length > 0;
  const chainOf = (role: ServiceChainRole) => serviceChainName(role, view);
  const fromOutside = jump(chainOf('EXT'));
  const refused = external !== undefined && external.endpoints.length === 0 ? refusal(view, external) : undefined;
  const refuse = (address: Address) => (refused === undefined ? [] : [to(address, refused.text, refused.target)]);
  return {
    services: [
      ...(internal === undefined || internal.endpoints.length === 0 ? [] : clusterAddresses).map((address) =>
        to(address, `${name} cluster IP`, jump(policyChain(view, internal))),
      ),
      ...reachable(externalAddresses).map((address) => to(address, `${name} external IP`, fromOutside)),
      ...reachable(balancedAddresses).map((address) =>
        to(address, `${name} loadbalancer IP`, isFiltered ? jump(chainOf('FW')) : fromOutside),
      ),
    ],
    nodePorts: nodePort === undefined || !hasEndpoints ? [] : [toNodePort(view, nodePort, name, fromOutside)],
    refusals:
      internal !== undefined && internal.endpoints.length === 0
        ? clusterAddresses.map((address) => to(address, ...argumentsOf(refusal(view, internal))))
        : [],
    externalRefusals: [
      ...[...externalAddresses, ...balancedAddresses].flatMap(refuse),
      ...(nodePort === undefined || refused === undefined
        ? []
        : [toNodePort(view, nodePort, refused.text, refused.target, true)]),
    ],
    firewall: (isFiltered ? balancedAddresses : []).map((address) =>
      to(address, `${name} traffic not accepted by ${chainOf('FW')}`, DROP),
    ),
    chains: hasEndpoints ? chainsOf(view, isFiltered, surroundings) : [],
  };
}

interface Refusal {
  readonly text: string;
  readonly target: IptablesTarget;
}

/** A service without endpoints refuses; a node without any of its own stays silent, and another one answers. */
function refusal({ name, family }: ServicePortView, { whenEmpty }: ServicePool): Refusal {
  return whenEmpty === 'reject'
    ? { text: `${name} has no endpoints`, target: reject(family) }
    : { text: `${name} has no local endpoints`, target: DROP };
}

function argumentsOf({ text, target }: Refusal): [string, IptablesTarget] {
  return [text, target];
}

function toPort(view: ServicePortView, text: string, target: IptablesTarget, address: Address): IptablesRule {
  const { protocol, port } = view;
  return {
    destination: exactly(address),
    ...ofProtocol(protocol),
    matches: [comment(text), destinationPort(protocol, port)],
    target,
  };
}

function toNodePort(
  { protocol }: ServicePortView,
  port: number,
  text: string,
  target: IptablesTarget,
  asksForLocal = false,
): IptablesRule {
  return {
    ...ofProtocol(protocol),
    matches: [comment(text), ...(asksForLocal ? [isLocal('dst')] : []), destinationPort(protocol, port)],
    target,
  };
}

function policyChain(view: ServicePortView, pool: ServicePool | undefined): string {
  return serviceChainName(pool?.policy === 'Local' ? 'SVL' : 'SVC', view);
}

function chainsOf(
  view: ServicePortView,
  isFiltered: boolean,
  surroundings: PortSurroundings,
): readonly IptablesChain[] {
  const { pools, external } = view;
  const policies = [pools.Cluster, pools.Local].filter((pool) => pool !== undefined);
  const filled = policies
    .filter(({ endpoints }) => endpoints.length > 0)
    .map((pool) => ({ pool, targets: nameEndpoints(view, pool) }));
  const hasAffinity = filled.some(({ pool }) => pool.affinityTimeout !== undefined);
  const endpoints = new Map(filled.flatMap(({ targets }) => targets.map((target) => [target.name, target] as const)));
  return [
    ...(external === undefined ? [] : [externalChain(view, external, surroundings)]),
    ...(isFiltered ? [firewallChain(view, surroundings)] : []),
    ...filled.map(({ pool, targets }) => ({
      name: policyChain(view, pool),
      rules: [...maskingRules(view, pool, surroundings), ...choosingRules(targets, pool)],
    })),
    ...Array.from(endpoints.values(), (target) => endpointChain(view, target, hasAffinity)),
  ];
}

/** Who isn't in the cluster and asks for a cluster address: his answer has to come back this way. */
function maskingRules(
  view: ServicePortView,
  pool: ServicePool,
  { clusterPrefix }: PortSurroundings,
): readonly IptablesRule[] {
  if (clusterPrefix === undefined || pool !== view.internal) return [];
  return view.clusterAddresses.map((address) => ({
    source: outside(clusterPrefix),
    ...toPort(view, `${view.name} cluster IP`, MARK_MASQUERADE, address),
  }));
}

/**
 * The way of those who come by a node port, an external or a load balancer's address. Under policy Local pods of the
 * cluster and the node itself have every endpoint to choose from: who is inside is bound to no node.
 */
function externalChain(
  view: ServicePortView,
  external: ServicePool,
  { clusterPrefix }: PortSurroundings,
): IptablesChain {
  const { name } = view;
  const on = (text: string) => comment(`${text} for ${name} external destinations`);
  const cluster = jump(serviceChainName('SVC', view));
  const fromPods =
    clusterPrefix === undefined
      ? []
      : [{ source: within(clusterPrefix), matches: [on('pod traffic')], target: cluster }];
  const preliminaries: readonly IptablesRule[] =
    external.policy === 'Cluster'
      ? [{ matches: [on('masquerade traffic')], target: MARK_MASQUERADE }]
      : [
          ...fromPods,
          { matches: [on('masquerade LOCAL traffic'), isLocal('src')], target: MARK_MASQUERADE },
          { matches: [on('route LOCAL traffic'), isLocal('src')], target: cluster },
        ];
  const rest = external.endpoints.length === 0 ? [] : [{ matches: [], target: jump(policyChain(view, external)) }];
  return { name: serviceChainName('EXT', view), rules: [...preliminaries, ...rest] };
}

/**
 * Lets the named sources in; what comes to the chain's end isn't translated, and dropped by KUBE-PROXY-FIREWALL. A node
 * that bears the load balancer's address speaks to it from that address itself.
 */
function firewallChain(view: ServicePortView, { nodeAddress }: PortSurroundings): IptablesChain {
  const { name, sources = [], balancedAddresses, family } = view;
  const target = jump(serviceChainName('EXT', view));
  const matches = [comment(`${name} loadbalancer IP`)];
  const ranges = sources.filter(({ address }) => address.family === family);
  const letsNodeIn = nodeAddress !== undefined && ranges.some((range) => prefixContains(range, nodeAddress));
  return {
    name: serviceChainName('FW', view),
    rules: [
      ...ranges.map((range) => ({ source: within(range), matches, target })),
      ...(letsNodeIn ? balancedAddresses : []).map((address) => ({ source: exactly(address), matches, target })),
      { matches: [comment(`other traffic to ${name} will be dropped by KUBE-PROXY-FIREWALL`)] },
    ],
  };
}
