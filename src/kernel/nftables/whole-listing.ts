import { FlatnetError } from '../../error/flatnet-error.ts';
import type { NamedMap, NamedSet } from '../../netfilter/node.ts';

/** Milliseconds to wait each time before a set is listed once more. */
const PAUSES = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;

/** Keys that a turn of the event loop compares at most: a millisecond or two. */
const MOST_KEYS = 500;

/**
 * Lists a set until each of its elements is there once. The kernel lists some hundred elements at a time and finds its place
 * again by counting; a hash table that has outgrown its room moves to a larger one in the background, some milliseconds
 * after a load, and listed meanwhile it shows elements twice and others not at all, without a word
 * (`nft_rhash_walk` of `net/netfilter/nft_set_hash.c`). It never shows fewer in all, so that none is missing where none
 * comes twice.
 * @param list lists all that there is, some of it at a time
 * @param keysOf the elements' keys, looked at only where one may come twice
 * @throws FlatnetError `unavailable` where one does every time
 */
export function* wholeListing<Listing>(
  set: NamedSet | NamedMap,
  list: () => Generator<void, Listing>,
  keysOf: (listing: Listing) => Iterable<string>,
): Generator<void, Listing> {
  for (const pause of PAUSES) {
    const listing = yield* list();
    if (!canGrow(set) || !(yield* comesTwice(keysOf(listing)))) return listing;
    // The kernel's worker may need this CPU.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
  }
  throw new FlatnetError({
    operation: 'list elements',
    code: 'unavailable',
    message: `the hash table of ${set.name} moved during each of ${PAUSES.length} attempts to list it`,
    remedy: 'try again when fewer elements are being added',
  });
}

/** Whether an element does, some looked at at a time. */
function* comesTwice(keys: Iterable<string>): Generator<void, boolean> {
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key)) return true;
    seen.add(key);
    if (seen.size % MOST_KEYS === 0) yield;
  }
  return false;
}

/** Whether it is in a hash table whose room the kernel chooses: tables of a size that it was told stay as they are. */
function canGrow({ size, flags }: NamedSet | NamedMap): boolean {
  if (flags.includes('interval')) return false;
  return size === undefined || flags.includes('timeout') || flags.includes('dynamic');
}
