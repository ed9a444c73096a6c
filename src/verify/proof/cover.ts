import { observedBy } from '../model/observation.ts';
import { type Box, boxHolds, type Point, withoutBox } from './box.ts';
import { RegionObserver, type RegionQuestion } from './region-observer.ts';

/** Packets that fare alike, and how. */
export interface Region<Result> {
  readonly box: Box;
  readonly point: Point;
  readonly result: Result;
}

/**
 * Covers a space of packets: takes one that nothing is known of, looks how it fares, and does away with all those that
 * fare as it does, until none is left. So it takes as many looks as there are packets that fare differently.
 * @param choose a packet of a box; undefined where nobody asks for any of them
 */
export function* cover<Result>(
  space: readonly Box[],
  choose: (box: Box) => Point | undefined,
  look: (point: Point) => Result,
  question: RegionQuestion,
): Generator<Region<Result>> {
  const left = [...space];
  for (let domain = left.pop(); domain !== undefined; domain = left.pop()) {
    const point = choose(domain);
    if (point === undefined) continue;
    if (!boxHolds(domain, point)) throw new RangeError('the packet that was chosen is not in its box');
    const watching = new RegionObserver(point, domain, question);
    const result = observedBy(watching, () => look(point));
    const box = watching.region;
    yield { box, point, result };
    left.push(...withoutBox(domain, box));
  }
}
