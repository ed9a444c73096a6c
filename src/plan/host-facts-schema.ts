import * as v from 'valibot';
import { type Address, parseAddress } from '../address/address.ts';
import { parseMac } from '../address/mac.ts';
import { parseInterfaceAddress, parsePrefix } from '../address/prefix.ts';
import { parseBySchema, parsedText } from '../error/schema.ts';
import type { HostFacts } from './host-facts.ts';

/** RTPROT_BOOT and RT_TABLE_MAIN (linux/rtnetlink.h): what `ip route add` gives a route. */
const BOOT_PROTOCOL = 3;
const MAIN_TABLE = 254;

const mtu = v.pipe(v.number(), v.integer(), v.minValue(68), v.maxValue(65535));
const device = v.pipe(v.string(), v.minLength(1), v.maxLength(15));
const byte = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255));
const unsigned = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const interfaceAddress = parsedText(parseInterfaceAddress);

const uplink = v.strictObject({
  device,
  mac: v.exactOptional(parsedText(parseMac)),
  mtu: v.optional(mtu, 1500),
  up: v.optional(v.boolean(), true),
  addresses: v.array(interfaceAddress),
  acceptsRouterAdvertisements: v.exactOptional(v.boolean()),
});

const foreignRoute = v.strictObject({
  destination: parsedText(parsePrefix),
  device: v.exactOptional(device),
  gateway: v.exactOptional(parsedText(parseAddress)),
  table: v.optional(unsigned, MAIN_TABLE),
  protocol: v.optional(byte, BOOT_PROTOCOL),
  metric: v.optional(unsigned, 0),
});

const forwardDrop = v.strictObject({
  family: v.picklist(['ip', 'ip6', 'inet']),
  table: v.string(),
  chain: v.string(),
});

/** The document `kind: HostFacts`, as written. Its fields are told in docs/plan.md. */
const schema = v.strictObject({
  apiVersion: v.literal('flatnet.io/v1'),
  kind: v.literal('HostFacts'),
  metadata: v.strictObject({ name: v.pipe(v.string(), v.minLength(1)) }),
  spec: v.strictObject({
    uplinks: v.array(uplink),
    foreignAddresses: v.optional(v.array(v.strictObject({ device, address: interfaceAddress })), []),
    foreignRoutes: v.optional(v.array(foreignRoute), []),
    forwardDropped: v.optional(v.array(forwardDrop), []),
    bridgeNetfilter: v.optional(v.boolean(), true),
    sysctls: v.exactOptional(v.record(v.string(), v.string())),
  }),
});

/** The facts of one host, declared in a file where there is no host to read. */
export interface DeclaredHost {
  /** Name of its Node. */
  readonly node: string;
  readonly facts: HostFacts;
}

/** Reads a parsed document `kind: HostFacts`. @throws FlatnetError `invalid` that names the field and the remedy */
export function parseHostFacts(document: unknown): DeclaredHost {
  const { metadata, spec } = parseBySchema('read host facts', schema, document);
  return { node: metadata.name, facts: spec };
}

/** Prefix lengths that are taken for granted where nobody says. */
const ASSUMED_LENGTH = { 4: 24, 6: 64 } as const;

/** What is taken for granted of a host that nobody has declared: one Ethernet uplink that bears the node's addresses. */
export function assumedHostFacts(addresses: readonly Address[]): HostFacts {
  return {
    uplinks: [
      {
        device: 'eth0',
        mtu: 1500,
        up: true,
        addresses: addresses.map((address) => ({ address, length: ASSUMED_LENGTH[address.family] })),
      },
    ],
    foreignAddresses: [],
    foreignRoutes: [],
    forwardDropped: [],
    bridgeNetfilter: true,
  };
}
