import { isDeepStrictEqual } from 'node:util';
import type { Family } from '../../address/family.ts';
import type { Prefix } from '../../address/prefix.ts';
import type { IptablesChain, IptablesRule, IptablesRuleset } from '../../netfilter/iptables/node.ts';
import { addressOf, prefixIn } from '../../plan/peer-directory.ts';
import type { PlannedService, ServicePlan } from '../../plan/service/service-plan.ts';
import {
  FORWARD_CHAIN,
  filterHooks,
  KUBE,
  LOCALHOST_GUARD_CHAIN,
  MARK_MASQUERADE_CHAIN,
  natHooks,
  nodePortEntries,
  POSTROUTING_CHAIN,
  servesLoopback,
} from './base-rules.ts';
import { type HostPortRules, hostPortRules } from './host-port-rules.ts';
import { comment, destinationPort, jump, ofProtocol } from './iptables-rule.ts';
import { servicePorts } from './service-port.ts';
import { type PortSurroundings, type ServicePortRules, servicePortRules } from './service-port-rules.ts';

/**
 * The services of a node as kube-proxy's iptables rules, in one family: the same chains by the same names, with the
 * same rules in the same order. Where the rules are kube-proxy's, so is what follows from them: a node that asks for a
 * cluster address is masqueraded, and unused service addresses are left alone.
 * @param clusterPrefixes where pods are, at most one a family: kube-proxy's --cluster-cidr
 */
export function renderServiceRuleset(
  { surroundings, services }: ServicePlan,
  family: Family,
  clusterPrefixes: readonly Prefix[],
): IptablesRuleset {
  const clusterPrefix = prefixIn(clusterPrefixes, family);
  const nodeAddress = addressOf(surroundings.addresses, family);
  const around = {
    ...(clusterPrefix !== undefined && { clusterPrefix }),
    ...(nodeAddress !== undefined && { nodeAddress }),
  };
  const planned = [...services];
  const rendered = planned.map(([, service]) => renderService(service, family, around));
  const ports = rendered.flatMap((service) => service.ports);
  const hostPorts = rendered.map((service) => service.hostPorts);
  const hostPortEntries = hostPorts.flatMap(({ entries }) => entries);
  const hasLoopback = family === 4 && servesLoopback(surroundings.nodePortAddresses);
  return {
    tables: [
      {
        name: 'filter',
        chains: [
          ...filterHooks(hasLoopback),
          chain(
            KUBE.services,
            ports.flatMap(({ refusals }) => refusals),
          ),
          chain(
            KUBE.externalServices,
            ports.flatMap(({ externalRefusals }) => externalRefusals),
          ),
          chain(KUBE.nodePorts, planned.flatMap(healthCheckEntries)),
          chain(
            KUBE.proxyFirewall,
            ports.flatMap(({ firewall }) => firewall),
          ),
          FORWARD_CHAIN,
          ...(hasLoopback ? [LOCALHOST_GUARD_CHAIN] : []),
        ],
      },
      {
        name: 'nat',
        chains: [
          ...natHooks(hostPortEntries.length > 0),
          chain(KUBE.services, [
            ...ports.flatMap(({ services: entries }) => entries),
            ...nodePortEntries(surroundings, family),
          ]),
          chain(
            KUBE.nodePorts,
            ports.flatMap(({ nodePorts }) => nodePorts),
          ),
          POSTROUTING_CHAIN,
          MARK_MASQUERADE_CHAIN,
          ...(hostPortEntries.length === 0 ? [] : [chain(KUBE.hostPorts, hostPortEntries)]),
          ...ports.flatMap(({ chains }) => chains),
          ...hostPorts.flatMap(({ chains }) => chains),
        ],
      },
    ],
  };
}

interface RenderedService {
  readonly around: PortSurroundings;
  readonly ports: readonly ServicePortRules[];
  readonly hostPorts: HostPortRules;
}

/** By planned service, so that one that stays as it is keeps its very rules, and a comparison need not look into them. */
const known: Readonly<Record<Family, WeakMap<PlannedService, RenderedService>>> = {
  4: new WeakMap(),
  6: new WeakMap(),
};

function renderService(service: PlannedService, family: Family, around: PortSurroundings): RenderedService {
  const found = known[family].get(service);
  if (found !== undefined && isDeepStrictEqual(found.around, around)) return found;
  const rendered = {
    around,
    ports: servicePorts(service, family).map((view) => servicePortRules(view, around)),
    hostPorts: hostPortRules(service, family),
  };
  known[family].set(service, rendered);
  return rendered;
}

function chain(name: string, rules: readonly IptablesRule[]): IptablesChain {
  return { name, rules };
}

/** Load balancers ask whether the node has endpoints, whatever else INPUT lets in. */
function healthCheckEntries([key, { healthCheck, fronts }]: [string, PlannedService]): readonly IptablesRule[] {
  if (healthCheck === undefined) return [];
  const name = fronts[0]?.name ?? key;
  return [
    {
      ...ofProtocol('tcp'),
      matches: [comment(`${name} health check node port`), destinationPort('tcp', healthCheck.port)],
      target: jump('ACCEPT'),
    },
  ];
}
