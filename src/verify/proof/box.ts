import { type Bounds, holds, intersection, isEmpty } from '../model/bounds.ts';
import type { Aspect } from '../model/observation.ts';

/** What sets the packets of one question apart. */
export type Variable = 'protocol' | 'sourcePort' | 'destinationPort' | 'source' | 'destination';

export const VARIABLES: readonly Variable[] = ['protocol', 'destinationPort', 'sourcePort', 'destination', 'source'];

export const ASPECTS: Readonly<Record<Variable, Aspect>> = {
  protocol: 'protocol',
  sourcePort: 'port',
  destinationPort: 'port',
  source: 'address',
  destination: 'address',
};

/** Packets whose variables lie within bounds, each by itself. */
export type Box = Readonly<Record<Variable, Bounds>>;

/** One of them. */
export type Point = Readonly<Record<Variable, bigint>>;

function isBoxEmpty(box: Box): boolean {
  return VARIABLES.some((variable) => isEmpty(box[variable]));
}

/** The packets of a box that aren't in another, as boxes that share none. */
export function withoutBox(box: Box, hole: Box): readonly Box[] {
  const pieces: Box[] = [];
  let rest = box;
  for (const variable of VARIABLES) {
    const all = rest[variable];
    const common = intersection(all, hole[variable]);
    if (isEmpty(common)) return [box];
    pieces.push({ ...rest, [variable]: { low: all.low, high: common.low - 1n } });
    pieces.push({ ...rest, [variable]: { low: common.high + 1n, high: all.high } });
    rest = { ...rest, [variable]: common };
  }
  return pieces.filter((piece) => !isBoxEmpty(piece));
}

export function boxHolds(box: Box, point: Point): boolean {
  return VARIABLES.every((variable) => holds(box[variable], point[variable]));
}
