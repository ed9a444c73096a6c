import { type Prefix, parsePrefix, prefixContains } from '../address/prefix.ts';
import type { Ruleset } from '../netfilter/node.ts';
import { INSERTED_CHAIN, INSERTED_COMMENT } from './insertion.ts';
import type { Link } from './link.ts';
import type { ForwardingEntry, LinkAddress, Neighbour, NetworkState } from './network-state.ts';
import { type Insertion, OWNED, type OwnedLink, type OwnedLinkKind, type OwnedNetwork } from './owned-state.ts';

/**
 * A link as it was read: the state of a host doesn't say where the other end of a veth pair is, and a link that bears
 * our mark may be of another kind than any that we make.
 */
export interface ObservedLink extends Omit<OwnedLink, 'kind'> {
  readonly kind: OwnedLinkKind | { readonly kind: 'veth' } | { readonly kind: 'other'; readonly name: string };
}

/** What is ours in a namespace, as it was read; every OwnedNetwork is one too. */
export interface ObservedNetwork extends Omit<OwnedNetwork, 'links'> {
  readonly links: readonly ObservedLink[];
}

/** Addresses that the kernel gives to links by itself (RFC 4291, 2.5.6). */
const LINK_LOCAL: Prefix = parsePrefix('fe80::/10');

/** True for the alias of a link that is ours: the mark alone, or the mark, a colon and what the link is for. */
export function isOwnAlias(alias: string | undefined): boolean {
  return alias === OWNED.alias || alias?.startsWith(`${OWNED.alias}:`) === true;
}

/**
 * What is ours in a host's own namespace, told by our marks: the alias of links, all addresses, permanent neighbours
 * and remote forwarding entries on such links, protocol 102 of routes, rules and neighbours, the name of tables.
 * All sysctls are in it, since they bear no mark and are never removed.
 * @param podInterfaces in a pod's namespace, the names of the interfaces that we made there, which bear no alias
 */
export function ownedOf(state: NetworkState, podInterfaces: readonly string[] = []): ObservedNetwork {
  const links = state.links.filter((link) => podInterfaces.includes(link.name) || isOwnAlias(link.alias));
  const devices = new Set(links.map(({ name }) => name));
  return {
    links: links.map((link) => observedLink(link, podInterfaces.includes(link.name))),
    addresses: state.addresses.filter((address) => devices.has(address.device) && !isKernelMade(address)),
    routes: Iterator.from(state.routes.rows())
      .filter(({ protocol }) => protocol === OWNED.protocol)
      .toArray(),
    rules: state.rules.filter(({ protocol }) => protocol === OWNED.protocol),
    neighbours: Iterator.from(state.neighbours.rows())
      .filter((neighbour) => isOwnNeighbour(neighbour, devices))
      .toArray(),
    forwarding: Iterator.from(state.forwarding.rows())
      .filter((entry) => isOwnForwarding(entry, devices))
      .toArray(),
    sysctls: Array.from(state.sysctls, ([key, value]) => ({ key, value })),
    queueDisciplines: state.queueDisciplines.filter(({ kind, device }) => kind === 'tbf' && devices.has(device)),
    tables: state.ruleset.tables.filter(({ name }) => name === OWNED.table),
    insertions: insertionsOf(state.ruleset),
  };
}

function observedLink(link: Link, isPodEnd: boolean): ObservedLink {
  const { name, alias, mac, mtu, up, master, port } = link;
  return {
    name,
    kind: isPodEnd ? { kind: 'pod-end' } : observedKind(link),
    mtu,
    up,
    ...(alias !== undefined && { alias }),
    ...(mac !== undefined && { mac }),
    ...(master !== undefined && { master }),
    ...(port !== undefined && { port }),
  };
}

function observedKind({ kind }: Link): ObservedLink['kind'] {
  switch (kind.kind) {
    case 'veth':
      return { kind: 'veth' };
    case 'bridge':
      return { kind: 'bridge' };
    case 'vxlan': {
      const { vni, port, local, device, learning } = kind;
      if (learning || local === undefined || device === undefined) return { kind: 'other', name: 'vxlan' };
      return { kind: 'vxlan', vni, port, local, device, addressGeneration: 'none' };
    }
    case 'other':
      return { kind: 'other', name: kind.name };
    default:
      return { kind: 'other', name: kind.kind };
  }
}

function isKernelMade({ address }: LinkAddress): boolean {
  return prefixContains(LINK_LOCAL, address);
}

function isOwnNeighbour({ device, protocol, state }: Neighbour, devices: ReadonlySet<string>): boolean {
  return state === 'permanent' && (protocol === OWNED.protocol || devices.has(device));
}

/** The other entries of our devices are the kernel's: the bridge's own addresses and what it has learned. */
function isOwnForwarding({ device, destination }: ForwardingEntry, devices: ReadonlySet<string>): boolean {
  return destination !== undefined && devices.has(device);
}

function insertionsOf(ruleset: Ruleset): readonly Insertion[] {
  return ruleset.tables.flatMap((table) => {
    const chain = table.name === OWNED.table ? undefined : table.chains.find(({ name }) => name === INSERTED_CHAIN);
    if (chain === undefined) return [];
    const { family, name, chains } = table;
    const into = chains.filter(({ rules }) => rules.some(({ comment }) => comment === INSERTED_COMMENT));
    return [{ table: { family, name }, chain, into: into.map((their) => their.name) }];
  });
}
