import * as v from 'valibot';
import { parseAddress } from '../../address/address.ts';
import { parseMac } from '../../address/mac.ts';
import { parsedText } from '../../error/schema.ts';
import type { ForwardingEntry, Neighbour } from '../network-state.ts';
import { type Dump, parseDumpRows } from './dump-rows.ts';
import { numberOf } from './number-name.ts';

const NEIGHBOUR = v.looseObject({
  dst: parsedText(parseAddress),
  dev: v.string(),
  lladdr: v.optional(v.string()),
  /** There, with no value, for a proxy entry. */
  proxy: v.optional(v.unknown()),
  state: v.optional(v.array(v.string()), []),
  protocol: v.optional(v.string()),
});

const STATES: readonly Neighbour['state'][] = [
  'permanent',
  'noarp',
  'reachable',
  'stale',
  'delay',
  'probe',
  'incomplete',
  'failed',
];

/**
 * Reads `ip -j neigh`, and `ip -j neigh show proxy`.
 * @throws FlatnetError `invalid` for text that is no such list
 */
export function parseNeighbours(text: string): Dump<Neighbour> {
  return parseDumpRows('neigh.json', text, NEIGHBOUR, (row) => {
    const mac = ethernetAddress(row.lladdr);
    const protocol = row.protocol === undefined ? 0 : (numberOf('protocol', row.protocol) ?? 0);
    return {
      row: {
        device: row.dev,
        address: row.dst,
        ...(mac !== undefined && { mac }),
        state: STATES.find((state) => row.state[0]?.toLowerCase() === state) ?? 'none',
        ...('proxy' in row && row.proxy !== undefined && { proxy: true }),
        ...(protocol !== 0 && { protocol }),
      },
    };
  });
}

/** Undefined where the link layer is another one: a tunnel's neighbour has an IP address there. */
function ethernetAddress(text: string | undefined): string | undefined {
  return text !== undefined && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) ? parseMac(text) : undefined;
}

const ENTRY = v.looseObject({
  mac: v.string(),
  ifname: v.string(),
  dst: v.optional(v.string()),
  flags: v.optional(v.array(v.string()), []),
  state: v.optional(v.string(), ''),
  nhid: v.optional(v.number()),
});

/**
 * Reads `bridge -j fdb`.
 * @throws FlatnetError `invalid` for text that is no such list
 */
export function parseForwarding(text: string): Dump<ForwardingEntry> {
  return parseDumpRows('fdb.json', text, ENTRY, (row) => {
    const mac = ethernetAddress(row.mac);
    if (mac === undefined) return {};
    const entry: ForwardingEntry = {
      device: row.ifname,
      mac,
      ...(row.dst !== undefined && { destination: parseAddress(row.dst) }),
      permanent: row.state === 'permanent' || row.state === 'static',
      self: row.flags.includes('self'),
    };
    if (row.nhid === undefined) return { row: entry };
    const what = `forwarding entry of ${mac} on ${row.ifname}`;
    return { row: entry, unknown: [{ what, why: `it has what is not modelled: next hop object ${row.nhid}` }] };
  });
}
