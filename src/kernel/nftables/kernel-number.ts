import type { ConntrackKey, MetaKey, NatFlag, RejectType, TableFamily } from '../../netfilter/node.ts';

/** `enum nft_meta_keys` of `linux/netfilter/nf_tables.h`. */
export const META_NUMBERS: Readonly<Record<MetaKey, number>> = {
  length: 0,
  protocol: 1,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  oiftype: 9,
  skuid: 10,
  nfproto: 15,
  l4proto: 16,
  ibrname: 17,
  obrname: 18,
  pkttype: 19,
  iifgroup: 21,
  oifgroup: 22,
  cgroup: 23,
};

/** `enum nft_ct_keys`; addresses by family since Linux 4.17. */
export const CONNTRACK_NUMBERS: Readonly<Record<ConntrackKey, number>> = {
  state: 0,
  direction: 1,
  status: 2,
  mark: 3,
  protocol: 10,
  'proto-src': 11,
  'proto-dst': 12,
  zone: 17,
  'ip saddr': 19,
  'ip daddr': 20,
  'ip6 saddr': 21,
  'ip6 daddr': 22,
};

/** `enum nft_fib_flags`, and `enum nft_fib_result`. */
export const FIB_SELECTORS = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16 } as const;
export const FIB_PRESENT = 32;
export const FIB_RESULTS = { oif: 1, oifname: 2, type: 3 } as const;

/** NF_NAT_RANGE_* of `linux/netfilter/nf_nat.h`. */
export const NAT_FLAGS: Readonly<Record<NatFlag, number>> = { random: 4, persistent: 8, 'fully-random': 16 };

/** NF_NAT_RANGE_PROTO_SPECIFIED */
export const NAT_PORT_SPECIFIED = 2;

export const PAYLOAD_BASES = { link: 0, network: 1, transport: 2 } as const;
export const NUMGEN_TYPES = { inc: 0, random: 1 } as const;
export const DYNSET_OPERATIONS = { add: 0, update: 1, delete: 2 } as const;

/** Seconds in the unit of a rate. */
export const RATE_UNITS = { second: 1, minute: 60, hour: 3600, day: 86400 } as const;

interface RejectNumbers {
  readonly type: number;
  readonly code: number;
}

/** `enum nft_reject_types`: an ICMP error of the packet's own family, a TCP reset, an ICMP error of either family. */
const ICMP = 0;
const TCP_RESET = 1;
const ICMPX = 2;
/** Codes of ICMP (RFC 1812), ICMPv6 (RFC 4443), and `enum nft_reject_inet_code`. */
const CODES: Readonly<Record<Exclude<RejectType, 'tcp reset'>, Readonly<Record<'ip' | 'ip6' | 'any', number>>>> = {
  'net-unreachable': { ip: 0, ip6: 0, any: 0 },
  'host-unreachable': { ip: 1, ip6: 3, any: 2 },
  'port-unreachable': { ip: 3, ip6: 4, any: 1 },
  'admin-prohibited': { ip: 13, ip6: 1, any: 3 },
};

export function rejectNumbers(type: RejectType, family: TableFamily): RejectNumbers {
  if (type === 'tcp reset') return { type: TCP_RESET, code: 0 };
  const own = family === 'ip' || family === 'ip6';
  return { type: own ? ICMP : ICMPX, code: CODES[type][own ? family : 'any'] };
}

/** The way of rejecting that numbers of a table of this family stand for, or undefined. */
export function rejectType({ type, code }: RejectNumbers, family: TableFamily): RejectType | undefined {
  if (type === TCP_RESET) return 'tcp reset';
  if (type === ICMP && family !== 'ip' && family !== 'ip6') return undefined;
  const column = type === ICMP && (family === 'ip' || family === 'ip6') ? family : 'any';
  const types = Object.keys(CODES) as (keyof typeof CODES)[];
  return types.find((name) => CODES[name][column] === code);
}
