/** What a run measured of one thing: the same quantity, again and again. */
export interface Sample {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly count: number;
}

/** What a figure should come to: in its own unit, or as a multiple of the peer's median. */
export interface Target {
  readonly of: 'value' | 'ratio';
  readonly bound: 'at most' | 'at least';
  readonly limit: number;
}

/** One row of the report. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly ours: Sample;
  /** Measured in the same run, turn about. */
  readonly peer?: { readonly name: string; readonly sample: Sample };
  readonly target?: Target;
  /** What else is worth knowing of it. */
  readonly note?: string;
}

/** Something that could not be measured here, and why. */
export interface Skipped {
  readonly name: string;
  readonly why: string;
}

export type Measured = { readonly figures: readonly Figure[]; readonly skipped: readonly Skipped[] };

/** @throws RangeError where there are no values */
export function summarize(values: readonly number[]): Sample {
  const sorted = values.toSorted((left, right) => left - right);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  const minimum = sorted[0];
  const maximum = sorted.at(-1);
  if (median === undefined || minimum === undefined || maximum === undefined)
    throw new RangeError('nothing was measured');
  return { median, minimum, maximum, count: sorted.length };
}

/** Our median as a multiple of the peer's. */
export function ratioOf({ ours, peer }: Figure): number | undefined {
  return peer === undefined ? undefined : ours.median / peer.sample.median;
}

/** Whether the target is met; undefined where there is none, or nothing to compare with. */
export function isMet(figure: Figure): boolean | undefined {
  const { target, ours } = figure;
  const value = target?.of === 'ratio' ? ratioOf(figure) : ours.median;
  if (target === undefined || value === undefined) return undefined;
  return target.bound === 'at most' ? value <= target.limit : value >= target.limit;
}
