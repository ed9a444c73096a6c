import * as v from 'valibot';
import { tryParseAddress } from '../../address/address.ts';
import { parseMac } from '../../address/mac.ts';
import type { BridgePort, Link, LinkKind } from '../link.ts';
import type { Unknown } from '../network-state.ts';
import { type Dump, parseDumpRows } from './dump-rows.ts';

const INFO = v.looseObject({
  info_kind: v.optional(v.string()),
  info_data: v.optional(v.record(v.string(), v.unknown())),
  info_slave_kind: v.optional(v.string()),
  info_slave_data: v.optional(v.record(v.string(), v.unknown())),
});

const LINK = v.looseObject({
  ifindex: v.number(),
  ifname: v.string(),
  /** Name of the device under it, or of a veth's other end, in the same namespace. */
  link: v.optional(v.nullable(v.string())),
  /** Its index where it is in another namespace. */
  link_index: v.optional(v.number()),
  link_netnsid: v.optional(v.number()),
  flags: v.optional(v.array(v.string()), []),
  mtu: v.number(),
  master: v.optional(v.string()),
  operstate: v.optional(v.string()),
  group: v.optional(v.string()),
  link_type: v.optional(v.string()),
  address: v.optional(v.string()),
  ifalias: v.optional(v.string()),
  linkinfo: v.optional(INFO),
  xdp: v.optional(v.unknown()),
});
type LinkRow = v.InferOutput<typeof LINK>;

/** Without details (`-d`) nothing says what kind a link is. */
const DETAIL_FIELDS = ['promiscuity', 'num_tx_queues', 'linkinfo'];

/**
 * Reads `ip -j -d link`.
 * @throws FlatnetError `invalid` for text that is no such list
 */
export function parseLinks(text: string): Dump<Link> {
  const { rows, unknown } = parseDumpRows('link.json', text, LINK, (row) => ({ row }));
  const indexes = new Map(rows.map(({ ifname, ifindex }) => [ifname, ifindex]));
  return {
    rows: rows.map((row) => linkOf(row, indexes)),
    unknown: [...unknown, ...rows.flatMap(unknownOfLink)],
  };
}

function linkOf(row: LinkRow, indexes: ReadonlyMap<string, number>): Link {
  const { ifname, ifindex, flags, mtu, master, operstate = 'UNKNOWN', link_type, address, ifalias } = row;
  const port = portOf(row);
  const group = groupNumber(row.group);
  const state = operstate.toUpperCase();
  return {
    name: ifname,
    index: ifindex,
    kind: kindOf(row, indexes),
    ...(ifalias !== undefined && { alias: ifalias }),
    ...(link_type === 'ether' && address !== undefined && { mac: parseMac(address) }),
    mtu,
    up: flags.includes('UP'),
    running: flags.includes('LOWER_UP') || state === 'UP' || state === 'UNKNOWN',
    ...(master !== undefined && { master }),
    ...(port !== undefined && { port }),
    ...(group !== 0 && { group }),
  };
}

function groupNumber(group: string | undefined): number {
  return group === undefined || group === 'default' ? 0 : Number(group) || 0;
}

function kindOf(row: LinkRow, indexes: ReadonlyMap<string, number>): LinkKind {
  const { linkinfo } = row;
  const name = linkinfo?.info_kind;
  if (name === undefined) return { kind: row.link_type === 'loopback' ? 'loopback' : 'device' };
  const data = linkinfo?.info_data ?? {};
  switch (name) {
    case 'veth': {
      const peerIndex = row.link_index ?? (typeof row.link === 'string' ? indexes.get(row.link) : undefined);
      return {
        kind: 'veth',
        ...(peerIndex !== undefined && { peerIndex }),
        ...(row.link_netnsid !== undefined && { peerNamespace: row.link_netnsid }),
      };
    }
    case 'bridge':
      return data.vlan_filtering === undefined
        ? { kind: 'bridge' }
        : { kind: 'bridge', vlanFiltering: isSet(data.vlan_filtering) };
    case 'vxlan':
      return vxlanOf(data);
    default:
      return { kind: 'other', name };
  }
}

function vxlanOf(data: Readonly<Record<string, unknown>>): LinkKind {
  const given = data.local ?? data.local6;
  const local = typeof given === 'string' ? tryParseAddress(given) : undefined;
  return {
    kind: 'vxlan',
    vni: Number(data.id ?? 0),
    port: Number(data.port ?? 0),
    ...(local !== undefined && { local }),
    ...(typeof data.link === 'string' && { device: data.link }),
    learning: data.learning === undefined || isSet(data.learning),
    ...((data.df === 'set' || data.df === 'inherit') && { dontFragment: data.df }),
  };
}

function portOf({ linkinfo }: LinkRow): BridgePort | undefined {
  const data = linkinfo?.info_slave_data;
  if (linkinfo?.info_slave_kind !== 'bridge' || data === undefined) return undefined;
  return {
    hairpin: isSet(data.hairpin),
    isolated: isSet(data.isolated),
    learning: data.learning === undefined || isSet(data.learning),
    ...(isSet(data.neigh_suppress) && { neighbourSuppression: true }),
  };
}

/** Old and new versions print truth as numbers, booleans or words. */
function isSet(value: unknown): boolean {
  return value === true || value === 1 || value === 'on';
}

function unknownOfLink(row: LinkRow): readonly Unknown[] {
  const { ifname, linkinfo } = row;
  const found: Unknown[] = [];
  if (row.xdp !== undefined)
    found.push({ what: `eBPF program (XDP) on ${ifname}`, why: 'what a program does to packets is not modelled' });
  if (linkinfo?.info_kind === 'vxlan' && isSet(linkinfo.info_data?.external))
    found.push({ what: `tunnel ${ifname}`, why: 'a program or a route gives each packet its own tunnel endpoint' });
  if (!DETAIL_FIELDS.some((field) => field in row))
    found.push({ what: `kind of link ${ifname}`, why: 'the dump was taken without details (ip -d)' });
  return found;
}
