import type { Verdict } from '../../netfilter/node.ts';

/**
 * A register by its number of 32-bit words, 0 to 15 (NFT_REG32_00 to NFT_REG32_15). A longer value takes the
 * words that follow.
 */
export type Register = number;

/** One instruction of a rule as the kernel runs it; numbers are those of `linux/netfilter/nf_tables.h`. */
export type KernelExpression =
  | {
      readonly name: 'payload';
      readonly register: Register;
      /** NFT_PAYLOAD_*_HEADER: 0 link, 1 network, 2 transport. */
      readonly base: number;
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly name: 'payload-write';
      readonly register: Register;
      readonly base: number;
      readonly offset: number;
      readonly length: number;
      /** NFT_PAYLOAD_CSUM_INET where the header has a checksum of its own, at this offset. */
      readonly checksum?: number;
      /** Whether the field is part of the transport checksum's pseudo header. */
      readonly pseudoHeader: boolean;
    }
  | ({ readonly name: 'meta' } & MetaOperands)
  | ({ readonly name: 'meta-write' } & MetaOperands)
  | ({ readonly name: 'ct' } & ConntrackOperands)
  | ({ readonly name: 'ct-write' } & ConntrackOperands)
  | { readonly name: 'fib'; readonly register: Register; readonly result: number; readonly flags: number }
  | {
      readonly name: 'numgen';
      readonly register: Register;
      readonly modulus: number;
      readonly type: number;
      readonly offset: number;
    }
  | {
      readonly name: 'hash';
      readonly source: Register;
      readonly register: Register;
      readonly length: number;
      readonly modulus: number;
      readonly seed: number | undefined;
      readonly offset: number;
    }
  | {
      readonly name: 'lookup';
      readonly set: SetReference;
      readonly source: Register;
      /** Where a map's value goes; `verdict` for a verdict map. */
      readonly destination?: Register | 'verdict';
      readonly inverted: boolean;
    }
  | {
      readonly name: 'bitwise';
      readonly source: Register;
      readonly register: Register;
      /** (value & mask) ^ xor, in the order of the bytes. */
      readonly mask: Uint8Array;
      readonly xor: Uint8Array;
    }
  | {
      readonly name: 'shift';
      readonly source: Register;
      readonly register: Register;
      readonly length: number;
      readonly direction: '<<' | '>>';
      readonly bits: number;
    }
  | {
      readonly name: 'byteorder';
      readonly source: Register;
      readonly register: Register;
      readonly length: number;
      readonly size: number;
    }
  | {
      readonly name: 'cmp';
      readonly register: Register;
      readonly operator: CompareOperator;
      readonly data: Uint8Array;
    }
  | {
      readonly name: 'range';
      readonly register: Register;
      readonly inverted: boolean;
      readonly from: Uint8Array;
      readonly to: Uint8Array;
    }
  | { readonly name: 'immediate'; readonly register: Register; readonly data: Uint8Array }
  | { readonly name: 'verdict'; readonly verdict: Verdict }
  | {
      readonly name: 'nat';
      readonly type: 'snat' | 'dnat';
      readonly family: number;
      readonly address?: RegisterRange;
      readonly port?: RegisterRange;
      readonly flags: number;
    }
  | { readonly name: 'masq' | 'redir'; readonly port?: RegisterRange; readonly flags: number }
  | { readonly name: 'reject'; readonly type: number; readonly code: number }
  | { readonly name: 'notrack' }
  | {
      readonly name: 'limit';
      readonly rate: number;
      /** Seconds. */
      readonly unit: number;
      readonly burst: number;
      readonly bytes: boolean;
      readonly inverted: boolean;
    }
  | { readonly name: 'log'; readonly prefix?: string; readonly group?: number }
  | {
      readonly name: 'dynset';
      readonly set: SetReference;
      readonly operation: number;
      readonly key: Register;
      readonly data?: Register;
      /** Milliseconds. */
      readonly timeout?: number;
    }
  | { readonly name: 'counter' }
  /** Something that isn't modelled, by the kernel's name for it. */
  | { readonly name: 'unknown'; readonly kind: string };

interface MetaOperands {
  readonly register: Register;
  readonly key: number;
}

interface ConntrackOperands extends MetaOperands {
  /** 0 original, 1 reply. */
  readonly direction?: number;
}

export interface RegisterRange {
  readonly from: Register;
  readonly to?: Register;
}

/** A set by its name; one that the same transaction makes, by its number too. */
export interface SetReference {
  readonly name: string;
  readonly id?: number;
}

/** In the order of `enum nft_cmp_ops`. */
export const COMPARE_OPERATORS = ['==', '!=', '<', '<=', '>', '>='] as const;
export type CompareOperator = (typeof COMPARE_OPERATORS)[number];
