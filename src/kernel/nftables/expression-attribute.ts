/** Attributes of the expressions: `enum nft_*_attributes` of `linux/netfilter/nf_tables.h`. */
export const EXPRESSION = { name: 1, data: 2 } as const;
export const PAYLOAD = {
  destination: 1,
  base: 2,
  offset: 3,
  length: 4,
  source: 5,
  checksumType: 6,
  checksumOffset: 7,
  checksumFlags: 8,
} as const;
export const META = { destination: 1, key: 2, source: 3 } as const;
export const CT = { destination: 1, key: 2, direction: 3, source: 4 } as const;
export const FIB = { destination: 1, result: 2, flags: 3 } as const;
export const NUMGEN = { destination: 1, modulus: 2, type: 3, offset: 4 } as const;
export const HASH = { source: 1, destination: 2, length: 3, modulus: 4, seed: 5, offset: 6, type: 7 } as const;
export const LOOKUP = { set: 1, source: 2, destination: 3, setId: 4, flags: 5 } as const;
export const BITWISE = { source: 1, destination: 2, length: 3, mask: 4, xor: 5, operation: 6, data: 7 } as const;
export const BYTEORDER = { source: 1, destination: 2, operation: 3, length: 4, size: 5 } as const;
export const CMP = { source: 1, operation: 2, data: 3 } as const;
export const RANGE = { source: 1, operation: 2, from: 3, to: 4 } as const;
export const IMMEDIATE = { destination: 1, data: 2 } as const;
export const NAT = { type: 1, family: 2, addressFrom: 3, addressTo: 4, portFrom: 5, portTo: 6, flags: 7 } as const;
export const MASQ = { flags: 1, portFrom: 2, portTo: 3 } as const;
export const REDIR = { portFrom: 1, portTo: 2, flags: 3 } as const;
export const REJECT = { type: 1, code: 2 } as const;
export const LIMIT = { rate: 1, unit: 2, burst: 3, type: 4, flags: 5 } as const;
export const LOG = { group: 1, prefix: 2 } as const;
export const DYNSET = { set: 1, setId: 2, operation: 3, key: 4, data: 5, timeout: 6 } as const;
export const COUNTER = { bytes: 1, packets: 2 } as const;
export const QUEUE = { number: 1 } as const;
