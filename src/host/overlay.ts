import type { Table } from '../netfilter/node.ts';
import { INSERTED_CHAIN, INSERTED_COMMENT, insertedRule } from './insertion.ts';
import { kernelRoutesOf } from './kernel-route.ts';
import type { Link, LinkKind } from './link.ts';
import type { NetworkState } from './network-state.ts';
import { isOwnAlias } from './owned-network.ts';
import { type Insertion, OWNED, type OwnedLink, type OwnedNetwork } from './owned-state.ts';
import { forwardingTable, joinRouteTables, joinTables, neighbourTable, routeTable } from './state-table.ts';
import { deviceOfSysctl } from './sysctl-key.ts';

/** Tables that stand beside the rows of an OwnedNetwork: shared between hosts, or computed. */
export type SharedTables = Pick<NetworkState, 'routes' | 'neighbours' | 'forwarding'>;

/**
 * The state of a namespace once what must be ours is laid over what is not: the devices get the sysctls that new
 * devices get, and addresses the routes that the kernel makes for them.
 * @param foreign what isn't ours, as `foreignOf` gives it
 * @param shared rows that belong to what is ours and that `owned` doesn't list
 */
export function overlay(foreign: NetworkState, owned: OwnedNetwork, shared?: SharedTables): NetworkState {
  const firstIndex = Math.max(0, ...foreign.links.map(({ index }) => index)) + 1;
  const routes = routeTable([...owned.routes, ...owned.addresses.flatMap(kernelRoutesOf)]);
  const neighbours = neighbourTable(owned.neighbours);
  const forwarding = forwardingTable(owned.forwarding);
  return {
    links: [...foreign.links, ...owned.links.map((link, position) => linkOf(link, firstIndex + position))],
    addresses: [...foreign.addresses, ...owned.addresses],
    routes: joinRouteTables(foreign.routes, routes, ...(shared === undefined ? [] : [shared.routes])),
    rules: [...foreign.rules, ...owned.rules].sort((left, right) => left.priority - right.priority),
    neighbours: joinTables(foreign.neighbours, neighbours, ...(shared === undefined ? [] : [shared.neighbours])),
    forwarding: joinTables(foreign.forwarding, forwarding, ...(shared === undefined ? [] : [shared.forwarding])),
    sysctls: sysctlsOf(foreign, owned),
    queueDisciplines: [...foreign.queueDisciplines, ...owned.queueDisciplines],
    ruleset: {
      tables: [...foreign.ruleset.tables.map((table) => inserted(table, owned.insertions ?? [])), ...owned.tables],
    },
    unknown: foreign.unknown,
  };
}

function linkOf({ kind, ...link }: OwnedLink, index: number): Link {
  return { ...link, kind: linkKindOf(kind), index, running: link.up };
}

function linkKindOf(kind: OwnedLink['kind']): LinkKind {
  switch (kind.kind) {
    case 'veth':
    case 'pod-end':
      return { kind: 'veth' };
    case 'bridge':
      return { kind: 'bridge' };
    case 'vxlan': {
      const { vni, port, local, device } = kind;
      return { kind: 'vxlan', vni, port, local, device, learning: false };
    }
  }
}

/** What is laid over one state's settings: what new devices get, and what came of it last. */
interface Settings {
  /** Around the device's name. */
  readonly ofNew: readonly (readonly [before: string, after: string, value: string])[];
  last?: { readonly owned: OwnedNetwork; readonly sysctls: ReadonlyMap<string, string> };
}

const settingsOver = new WeakMap<NetworkState['sysctls'], Settings>();

/**
 * A new device starts with a copy of `conf.default`; `all` is combined with it at each look, by whoever looks. Pods that are
 * wired alike, one after another, get the same map.
 */
function sysctlsOf({ sysctls: foreign }: NetworkState, owned: OwnedNetwork): ReadonlyMap<string, string> {
  const settings = settingsOver.get(foreign) ?? { ofNew: settingsOfNew(foreign) };
  settingsOver.set(foreign, settings);
  if (settings.last !== undefined && hasSameSettings(settings.last.owned, owned)) return settings.last.sysctls;
  const sysctls = new Map(foreign);
  for (const { name } of owned.links) {
    const device = name.replaceAll('.', '/');
    for (const [before, after, value] of settings.ofNew) sysctls.set(before + device + after, value);
  }
  for (const { key, value } of owned.sysctls) sysctls.set(key, value);
  settings.last = { owned, sysctls };
  return sysctls;
}

function settingsOfNew(foreign: NetworkState['sysctls']): Settings['ofNew'] {
  return Array.from(foreign).flatMap(([key, value]) => {
    if (deviceOfSysctl(key) !== 'default') return [];
    const [before = '', after = ''] = key.split('.default.');
    return [[`${before}.`, `.${after}`, value] as const];
  });
}

function hasSameSettings(one: OwnedNetwork, other: OwnedNetwork): boolean {
  return (
    one.links.length === other.links.length &&
    one.sysctls.length === other.sysctls.length &&
    one.links.every(({ name }, place) => name === other.links[place]?.name) &&
    one.sysctls.every(({ key, value }, place) => {
      const its = other.sysctls[place];
      return key === its?.key && value === its.value;
    })
  );
}

function inserted(table: Table, insertions: readonly Insertion[]): Table {
  const insertion = insertions.find(({ table: { family, name } }) => family === table.family && name === table.name);
  if (insertion === undefined) return table;
  const chains = table.chains.map((chain) =>
    insertion.into.includes(chain.name) ? { ...chain, rules: [insertedRule(), ...chain.rules] } : chain,
  );
  return { ...table, chains: [...chains, insertion.chain] };
}

/** The state of a host's own namespace without what is ours, and without what the kernel made for what is ours. */
export function foreignOf(state: NetworkState): NetworkState {
  const own = new Set(state.links.filter(({ alias }) => isOwnAlias(alias)).map(({ name }) => name));
  const stays = ({ device }: { readonly device: string }) => !own.has(device);
  return {
    ...state,
    links: state.links.filter(({ name }) => !own.has(name)),
    addresses: state.addresses.filter(stays),
    routes: routeTable(
      Iterator.from(state.routes.rows())
        .filter(
          ({ protocol, nextHops }) => protocol !== OWNED.protocol && !nextHops.some((hop) => own.has(hop.device ?? '')),
        )
        .toArray(),
    ),
    rules: state.rules.filter(({ protocol }) => protocol !== OWNED.protocol),
    neighbours: neighbourTable(
      Iterator.from(state.neighbours.rows())
        .filter((neighbour) => neighbour.protocol !== OWNED.protocol && stays(neighbour))
        .toArray(),
    ),
    forwarding: forwardingTable(Iterator.from(state.forwarding.rows()).filter(stays).toArray()),
    sysctls: new Map(Iterator.from(state.sysctls).filter(([key]) => !own.has(deviceOfSysctl(key) ?? ''))),
    queueDisciplines: state.queueDisciplines.filter(stays),
    ruleset: { tables: state.ruleset.tables.filter(({ name }) => name !== OWNED.table).map(withoutInsertion) },
  };
}

function withoutInsertion(table: Table): Table {
  const chains = table.chains
    .filter(({ name }) => name !== INSERTED_CHAIN)
    .map((chain) => ({ ...chain, rules: chain.rules.filter(({ comment }) => comment !== INSERTED_COMMENT) }));
  return { ...table, chains };
}
