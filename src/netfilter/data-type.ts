import type { DataType } from './node.ts';

/** How values of a type lie in the kernel's registers. */
export interface DataTypeLayout {
  /** `enum datatypes` of nftables' datatype.h: what userspace tags sets with, 6 bits each in a concatenation. */
  readonly number: number;
  readonly bytes: number;
  /** `big`: network byte order; `host`: the machine's own. */
  readonly order: 'big' | 'host';
}

export const DATA_TYPES: Readonly<Record<DataType, DataTypeLayout>> = {
  nf_proto: { number: 2, bytes: 1, order: 'host' },
  integer: { number: 4, bytes: 4, order: 'host' },
  ipv4_addr: { number: 7, bytes: 4, order: 'big' },
  ipv6_addr: { number: 8, bytes: 16, order: 'big' },
  ether_addr: { number: 9, bytes: 6, order: 'big' },
  ether_type: { number: 10, bytes: 2, order: 'big' },
  arp_op: { number: 11, bytes: 2, order: 'big' },
  inet_proto: { number: 12, bytes: 1, order: 'big' },
  inet_service: { number: 13, bytes: 2, order: 'big' },
  icmp_type: { number: 14, bytes: 1, order: 'big' },
  tcp_flag: { number: 15, bytes: 1, order: 'host' },
  mark: { number: 19, bytes: 4, order: 'host' },
  iface_index: { number: 20, bytes: 4, order: 'host' },
  iface_type: { number: 21, bytes: 2, order: 'host' },
  uid: { number: 24, bytes: 4, order: 'host' },
  ct_state: { number: 26, bytes: 4, order: 'host' },
  ct_dir: { number: 27, bytes: 1, order: 'host' },
  ct_status: { number: 28, bytes: 4, order: 'host' },
  icmpv6_type: { number: 29, bytes: 1, order: 'big' },
  pkt_type: { number: 31, bytes: 1, order: 'host' },
  icmp_code: { number: 32, bytes: 1, order: 'big' },
  icmpv6_code: { number: 33, bytes: 1, order: 'big' },
  devgroup: { number: 35, bytes: 4, order: 'host' },
  dscp: { number: 36, bytes: 1, order: 'big' },
  fib_addrtype: { number: 38, bytes: 4, order: 'host' },
  ifname: { number: 41, bytes: 16, order: 'host' },
  cgroup: { number: 23, bytes: 4, order: 'host' },
  unknown: { number: 0, bytes: 0, order: 'big' },
};

/** Bits of a type in a concatenation's number. */
const CONCATENATED_BITS = 6;

const BY_NUMBER: ReadonlyMap<number, DataType> = new Map(
  (Object.entries(DATA_TYPES) as [DataType, DataTypeLayout][]).map(([type, { number }]) => [number, type]),
);

/** Types whose values are sets of bits. */
const FLAG_TYPES: ReadonlySet<DataType> = new Set(['ct_state', 'ct_status', 'tcp_flag']);

/** True for types of which a match without an operator asks for any of some bits. */
export function isFlagType(type: DataType): boolean {
  return FLAG_TYPES.has(type);
}

/** The number that nft tags a set's key or value with: one type, or up to five concatenated. */
export function concatenationNumber(types: readonly DataType[]): number {
  return types.reduce((number, type) => ((number << CONCATENATED_BITS) | DATA_TYPES[type].number) >>> 0, 0);
}

/** The types that such a number stands for; undefined where one isn't known here. */
export function typesOfNumber(number: number): DataType[] | undefined {
  const types: DataType[] = [];
  for (let rest = number; rest !== 0; rest >>>= CONCATENATED_BITS) {
    const type = BY_NUMBER.get(rest & ((1 << CONCATENATED_BITS) - 1));
    if (type === undefined) return undefined;
    types.unshift(type);
  }
  return types.length === 0 ? undefined : types;
}

/** Bytes that a value takes in registers of four bytes. */
export function registerBytes(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** Bytes of a set's key: a single type's own, or in a concatenation each padded to a register. */
export function keyBytes(types: readonly DataType[]): number {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return DATA_TYPES[only].bytes;
  return types.reduce((sum, type) => sum + registerBytes(DATA_TYPES[type].bytes), 0);
}
