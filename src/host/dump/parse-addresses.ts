import * as v from 'valibot';
import { type Address, parseAddress } from '../../address/address.ts';
import { parsedText } from '../../error/schema.ts';
import type { LinkAddress } from '../network-state.ts';
import { type Dump, parseDumpRows } from './dump-rows.ts';
import { numberOf } from './number-name.ts';

const ADDRESS = v.looseObject({
  family: v.string(),
  local: v.optional(parsedText(parseAddress)),
  /** The far end, where it differs. */
  address: v.optional(parsedText(parseAddress)),
  prefixlen: v.optional(v.number()),
  scope: v.optional(v.string()),
  nodad: v.optional(v.boolean()),
  noprefixroute: v.optional(v.boolean()),
  tentative: v.optional(v.boolean()),
  dadfailed: v.optional(v.boolean()),
  dynamic: v.optional(v.boolean()),
  protocol: v.optional(v.string()),
});

const LINK = v.looseObject({ ifname: v.string(), addr_info: v.optional(v.array(v.unknown()), []) });

/**
 * Reads `ip -j addr`.
 * @throws FlatnetError `invalid` for text that is no such list
 */
export function parseAddresses(text: string): Dump<LinkAddress> {
  const links = parseDumpRows('addr.json', text, LINK, (row) => ({ row }));
  const perLink = links.rows.map(({ ifname, addr_info }) => addressesOf(ifname, addr_info));
  return {
    rows: perLink.flatMap(({ rows }) => rows),
    unknown: [...links.unknown, ...perLink.flatMap(({ unknown }) => unknown)],
  };
}

function addressesOf(device: string, addresses: readonly unknown[]): Dump<LinkAddress> {
  return parseDumpRows(`addr.json, addresses of ${device}`, JSON.stringify(addresses), ADDRESS, (row) => {
    const address = row.local ?? row.address;
    if (address === undefined || (row.family !== 'inet' && row.family !== 'inet6')) return {};
    return { row: linkAddressOf(device, address, row) };
  });
}

const SCOPES: Readonly<Record<string, LinkAddress['scope']>> = {
  global: 'global',
  site: 'site',
  link: 'link',
  host: 'host',
  '0': 'global',
  '200': 'site',
  '253': 'link',
  '254': 'host',
};

function linkAddressOf(device: string, address: Address, row: v.InferOutput<typeof ADDRESS>): LinkAddress {
  const peer = row.address !== undefined && row.address.value !== address.value ? row.address : undefined;
  const protocol = row.protocol === undefined ? undefined : numberOf('addressProtocol', row.protocol);
  return {
    device,
    address,
    length: row.prefixlen ?? (address.family === 4 ? 32 : 128),
    ...(peer !== undefined && { peer }),
    scope: SCOPES[row.scope ?? 'global'] ?? 'global',
    ...(row.nodad === true && { noDad: true }),
    ...(row.tentative === true && { tentative: true }),
    ...(row.dadfailed === true && { dadFailed: true }),
    ...(row.dynamic === true && { dynamic: true }),
    ...(row.noprefixroute === true && { noPrefixRoute: true }),
    ...(protocol !== undefined && { protocol }),
  };
}
