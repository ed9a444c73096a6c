import { parseAddress } from '../address/address.ts';
import { KERNEL_RULES, kernelRoutesOf } from '../host/kernel-route.ts';
import type { Link } from '../host/link.ts';
import type { LinkAddress, NetworkState } from '../host/network-state.ts';
import { MAIN_TABLE, type Route } from '../host/route.ts';
import { routeKey } from '../host/row-text.ts';
import { forwardingTable, neighbourTable, routeTable } from '../host/state-table.ts';
import { deviceSysctl } from '../host/sysctl-key.ts';
import type { Ruleset } from '../netfilter/node.ts';
import type { ForeignRoute, HostFacts } from '../plan/host-facts.ts';

/** MTU of loopback (drivers/net/loopback.c). */
const LOOPBACK_MTU = 65536;

const LOOPBACK: Link = {
  name: 'lo',
  index: 1,
  kind: { kind: 'loopback' },
  mtu: LOOPBACK_MTU,
  up: true,
  running: true,
};

const LOOPBACK_ADDRESSES: readonly LinkAddress[] = [
  { device: 'lo', address: parseAddress('127.0.0.1'), length: 8, scope: 'host' },
  { device: 'lo', address: parseAddress('::1'), length: 128, scope: 'host' },
];

/** What the kernel starts with, as far as forwarding depends on it. */
const INITIAL_SYSCTLS: readonly (readonly [string, string])[] = [
  ['net.ipv4.ip_forward', '0'],
  ...(['all', 'default', 'lo'] as const).flatMap((device) => [
    [deviceSysctl(4, device, 'rp_filter'), '0'] as const,
    [deviceSysctl(6, device, 'forwarding'), '0'] as const,
  ]),
];

/**
 * A host as its facts declare it, with nothing of ours on it and everything else as the kernel starts with: the state
 * beneath a plan where there is no host to read.
 */
export function foreignState(facts: HostFacts): NetworkState {
  const addresses = [
    ...LOOPBACK_ADDRESSES,
    ...facts.uplinks
      .flatMap(({ device, addresses: borne }) => borne.map((address) => ({ device, address })))
      .map(globalAddress),
    ...facts.foreignAddresses.map(globalAddress),
  ];
  const declared = facts.foreignRoutes.map(routeOf);
  const known = new Set(declared.map(routeKey));
  const kernelMade = addresses.flatMap(kernelRoutesOf).filter((route) => !known.has(routeKey(route)));
  return {
    links: linksOf(facts),
    addresses,
    routes: routeTable([...declared, ...kernelMade]),
    rules: KERNEL_RULES,
    neighbours: neighbourTable([]),
    forwarding: forwardingTable([]),
    sysctls: new Map([...INITIAL_SYSCTLS, ...Object.entries(facts.sysctls ?? {})]),
    queueDisciplines: [],
    ruleset: rulesetOf(facts),
    unknown: [],
  };
}

function globalAddress({ device, address }: HostFacts['foreignAddresses'][number]): LinkAddress {
  return { device, ...address, scope: 'global' };
}

function linksOf({ uplinks, foreignAddresses }: HostFacts): readonly Link[] {
  const device = { kind: 'device' } as const;
  const others = new Set(foreignAddresses.map(({ device: name }) => name));
  for (const { device: name } of uplinks) others.delete(name);
  return [
    LOOPBACK,
    ...uplinks.map(({ device: name, mac, mtu, up }, position) => ({
      name,
      index: 2 + position,
      kind: device,
      mtu,
      up,
      running: up,
      ...(mac !== undefined && { mac }),
    })),
    ...Array.from(others, (name, position) => ({
      name,
      index: 2 + uplinks.length + position,
      kind: device,
      mtu: 1500,
      up: true,
      running: true,
    })),
  ];
}

function routeOf({ table, destination, device, gateway, protocol, metric }: ForeignRoute): Route {
  return {
    table,
    destination,
    type: 'unicast',
    nextHops: [
      {
        weight: 1,
        onlink: false,
        ...(device !== undefined && { device }),
        ...(gateway !== undefined && { gateway }),
      },
    ],
    protocol,
    metric,
    scope: destination.address.family === 4 && gateway === undefined && table === MAIN_TABLE ? 'link' : 'global',
  };
}

/** Of foreign tables only the chains that drop are known. */
function rulesetOf({ forwardDropped }: HostFacts): Ruleset {
  return {
    tables: forwardDropped.map(({ family, table: name, chain }) => ({
      family,
      name,
      flags: [],
      sets: [],
      maps: [],
      chains: [{ name: chain, base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' }, rules: [] }],
    })),
  };
}
