import type { Address } from '../../address/address.ts';
import type { Prefix } from '../../address/prefix.ts';
import type { Bounds } from './bounds.ts';

/** What rules and routes compare: the protocol's number, a port, an address. */
export type Aspect = 'protocol' | 'port' | 'address';

/**
 * Learns what a walk asks of its packet, and for which other packets each answer would have been the same. Values are told
 * by themselves: headers hold what the sender wrote or a constant that some rule put there, so a value that is read is
 * what the sender wrote wherever it equals it. Where a constant does so by chance, less is learnt, and nothing wrong.
 */
export interface Observer {
  /** Something was read, and for all values within the bounds in its place the answer is the same. */
  narrow(aspect: Aspect, value: bigint, to: Bounds): void;
  /** The values in its place that anybody asks for: others need not be told apart. */
  within(aspect: Aspect, value: bigint): Bounds;
  /**
   * Whether anybody asks for packets with another port where this one has a value; those that nobody asks for need not be told
   * apart.
   * @param protocol the packets' protocol; what is known of it unless given
   */
  asksForPort(value: bigint, other: bigint, protocol?: bigint): boolean;
  /** A constant goes into a header in place of what stood there: packets that held it already are different ones. */
  tellApart(aspect: Aspect, constant: bigint): void;
  /**
   * The rows that hold an address were searched for: it is the same for all addresses that no row's bounds lie between.
   * @param table the same object for the same rows, which are listed once
   */
  search(table: object, rows: () => Iterable<readonly [row: object, prefix: Prefix]>, address: Address): void;
  /** Whether a row, an element or a literal speaks of one participant only, and has its like for each of his peers. */
  isOwn(row: object): boolean;
}

let current: Observer | undefined;

/** Who watches now; the model asks at each comparison, so that it takes no parameter through all of its functions. */
export function observer(): Observer | undefined {
  return current;
}

/** Does some work while somebody watches, or nobody. The work must be synchronous. */
export function observedBy<Result>(by: Observer | undefined, work: () => Result): Result {
  const before = current;
  current = by;
  try {
    return work();
  } finally {
    current = before;
  }
}
