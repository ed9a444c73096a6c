import { ADDRESS_TYPES } from '../address/address-type.ts';
import type { DataType } from './node.ts';

/** nft's words for values, by type (`nft describe TYPE`). A value's first word is the one printed. */
const SYMBOLS: Readonly<Partial<Record<DataType, Readonly<Record<string, number>>>>> = {
  nf_proto: { ipv4: 2, ipv6: 10 },
  inet_proto: { tcp: 6, udp: 17, sctp: 132, icmp: 1, 'ipv6-icmp': 58, icmpv6: 58, igmp: 2, esp: 50, ah: 51, gre: 47 },
  ether_type: { ip: 0x0800, ip6: 0x86dd, arp: 0x0806, vlan: 0x8100, '8021q': 0x8100, '8021ad': 0x88a8 },
  arp_op: { request: 1, reply: 2, rrequest: 3, rreply: 4, inrequest: 8, inreply: 9, nak: 10 },
  icmp_type: {
    'echo-reply': 0,
    'destination-unreachable': 3,
    'source-quench': 4,
    redirect: 5,
    'echo-request': 8,
    'router-advertisement': 9,
    'router-solicitation': 10,
    'time-exceeded': 11,
    'parameter-problem': 12,
    'timestamp-request': 13,
    'timestamp-reply': 14,
    'info-request': 15,
    'info-reply': 16,
    'address-mask-request': 17,
    'address-mask-reply': 18,
  },
  icmp_code: {
    'net-unreachable': 0,
    'host-unreachable': 1,
    'prot-unreachable': 2,
    'port-unreachable': 3,
    'frag-needed': 4,
    'net-prohibited': 9,
    'host-prohibited': 10,
    'admin-prohibited': 13,
  },
  icmpv6_code: {
    'no-route': 0,
    'admin-prohibited': 1,
    'addr-unreachable': 3,
    'port-unreachable': 4,
    'policy-fail': 5,
    'reject-route': 6,
  },
  icmpv6_type: {
    'destination-unreachable': 1,
    'packet-too-big': 2,
    'time-exceeded': 3,
    'parameter-problem': 4,
    'echo-request': 128,
    'echo-reply': 129,
    'mld-listener-query': 130,
    'mld-listener-report': 131,
    'mld-listener-done': 132,
    'mld-listener-reduction': 132,
    'nd-router-solicit': 133,
    'nd-router-advert': 134,
    'nd-neighbor-solicit': 135,
    'nd-neighbor-advert': 136,
    'nd-redirect': 137,
    'router-renumbering': 138,
    'ind-neighbor-solicit': 141,
    'ind-neighbor-advert': 142,
    'mld2-listener-report': 143,
  },
  tcp_flag: { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 },
  ct_state: { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 },
  ct_status: { expected: 1, 'seen-reply': 2, assured: 4, confirmed: 8, snat: 16, dnat: 32, dying: 512 },
  ct_dir: { original: 0, reply: 1 },
  pkt_type: { host: 0, unicast: 0, broadcast: 1, multicast: 2, other: 3 },
  fib_addrtype: { unspec: 0, ...ADDRESS_TYPES },
  iface_type: { ether: 1, ppp: 512, ipip: 768, ipip6: 769, loopback: 772, sit: 776, ipgre: 778 },
  devgroup: { default: 0 },
  dscp: {
    cs0: 0,
    cs1: 8,
    cs2: 16,
    cs3: 24,
    cs4: 32,
    cs5: 40,
    cs6: 48,
    cs7: 56,
    af11: 10,
    af12: 12,
    af13: 14,
    af21: 18,
    af22: 20,
    af23: 22,
    af31: 26,
    af32: 28,
    af33: 30,
    af41: 34,
    af42: 36,
    af43: 38,
    ef: 46,
  },
};

/** Names of protocols that nft takes from /etc/protocols where there is one: read, but never written. */
const PROTOCOL_ALIASES: Readonly<Record<string, number>> = {
  ip: 0,
  ggp: 3,
  ipencap: 4,
  st: 5,
  egp: 8,
  igp: 9,
  pup: 12,
  hmp: 20,
  'xns-idp': 22,
  rdp: 27,
  'iso-tp4': 29,
  dccp: 33,
  xtp: 36,
  ddp: 37,
  'idpr-cmtp': 38,
  ipv6: 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  idrp: 45,
  rsvp: 46,
  skip: 57,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  rspf: 73,
  vmtp: 81,
  eigrp: 88,
  ospf: 89,
  'ax.25': 93,
  ipip: 94,
  etherip: 97,
  encap: 98,
  pim: 103,
  ipcomp: 108,
  comp: 108,
  vrrp: 112,
  l2tp: 115,
  isis: 124,
  fc: 133,
  'mobility-header': 135,
  udplite: 136,
  'mpls-in-ip': 137,
  manet: 138,
  hip: 139,
  shim6: 140,
  wesp: 141,
  rohc: 142,
  ethernet: 143,
};

/** Classes that only some versions of nft have words for: read, but never written. */
const DSCP_ALIASES: Readonly<Record<string, number>> = { be: 0, df: 0, lephb: 1, va: 44 };

const WORDS = new Map<DataType, ReadonlyMap<number, string>>();
for (const [type, words] of Object.entries(SYMBOLS) as [DataType, Readonly<Record<string, number>>][]) {
  const byValue = new Map<number, string>();
  for (const [word, value] of Object.entries(words)) if (!byValue.has(value)) byValue.set(value, word);
  WORDS.set(type, byValue);
}

/** The value that a word stands for, or undefined. */
export function symbolValue(type: DataType, word: string): number | undefined {
  const words = SYMBOLS[type];
  if (words !== undefined && Object.hasOwn(words, word)) return words[word];
  if (type === 'dscp') return DSCP_ALIASES[word];
  return type === 'inet_proto' && Object.hasOwn(PROTOCOL_ALIASES, word) ? PROTOCOL_ALIASES[word] : undefined;
}

/** nft's word for a value, or undefined. */
export function symbolName(type: DataType, value: number): string | undefined {
  return WORDS.get(type)?.get(value);
}

/** The words of the bits that are set, or undefined where one has none, or none is set. */
export function flagNames(type: DataType, value: number): string[] | undefined {
  const names: string[] = [];
  let rest = value >>> 0;
  for (let bit = 1; rest !== 0 && bit <= 0x4000_0000; bit *= 2) {
    if ((rest & bit) === 0) continue;
    const name = symbolName(type, bit);
    if (name === undefined) return undefined;
    names.push(name);
    rest = (rest & ~bit) >>> 0;
  }
  return rest === 0 && names.length > 0 ? names : undefined;
}
