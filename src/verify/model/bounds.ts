/** All whole numbers from `low` to `high`, both included. */
export interface Bounds {
  readonly low: bigint;
  readonly high: bigint;
}

/** Larger than any address, port or protocol. */
const TOP = (1n << 128n) - 1n;

export function pointAt(value: bigint): Bounds {
  return { low: value, high: value };
}

export function holds({ low, high }: Bounds, value: bigint): boolean {
  return low <= value && value <= high;
}

/** The side of some bounds that a value is on: within, below or above them. */
export function sideOf({ low, high }: Bounds, value: bigint): Bounds {
  if (value < low) return { low: 0n, high: low - 1n };
  if (value > high) return { low: high + 1n, high: TOP };
  return { low, high };
}

/** What two have in common; `low` is above `high` where that is nothing. */
export function intersection(left: Bounds, right: Bounds): Bounds {
  return {
    low: left.low > right.low ? left.low : right.low,
    high: left.high < right.high ? left.high : right.high,
  };
}

/** The smallest that holds both. */
export function hull(left: Bounds, right: Bounds): Bounds {
  return {
    low: left.low < right.low ? left.low : right.low,
    high: left.high > right.high ? left.high : right.high,
  };
}

export function isEmpty({ low, high }: Bounds): boolean {
  return low > high;
}
