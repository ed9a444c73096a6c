import type { Address } from '../../address/address.ts';
import type { Prefix } from '../../address/prefix.ts';
import { type Bounds, hull, intersection, pointAt, sideOf } from '../model/bounds.ts';
import type { Aspect, Observer } from '../model/observation.ts';
import { ASPECTS, type Box, type Point, VARIABLES, type Variable } from './box.ts';
import type { Landmarks } from './landmarks.ts';
import type { PortEnd, Unasked } from './unasked.ts';

/** What all looks of one question have in common. */
export interface RegionQuestion {
  /** Where rows of the tables that are searched begin and end. */
  readonly landmarks: Landmarks;
  readonly unasked: Unasked;
}

const PORT_ENDS: readonly PortEnd[] = ['sourcePort', 'destinationPort'];

/** Watches the walk of one packet, and keeps the box of those around it that fare the same. */
export class RegionObserver implements Observer {
  readonly #point: Point;
  readonly #question: RegionQuestion;
  readonly #region: Record<Variable, Bounds>;

  /**
   * @param domain the packets that are asked about, this one among them
   */
  constructor(point: Point, domain: Box, question: RegionQuestion) {
    this.#question = question;
    this.#point = point;
    this.#region = { ...domain };
  }

  /** The packets of the domain that fare as the one that was watched. */
  get region(): Box {
    return { ...this.#region };
  }

  narrow(aspect: Aspect, value: bigint, to: Bounds): void {
    for (const variable of VARIABLES)
      if (ASPECTS[variable] === aspect && this.#point[variable] === value)
        this.#region[variable] = intersection(this.#region[variable], to);
  }

  within(aspect: Aspect, value: bigint): Bounds {
    let bounds = pointAt(value);
    for (const variable of VARIABLES)
      if (ASPECTS[variable] === aspect && this.#point[variable] === value)
        bounds = hull(bounds, this.#region[variable]);
    return bounds;
  }

  search(table: object, rows: () => Iterable<readonly [row: object, prefix: Prefix]>, address: Address): void {
    if (this.#asksFor(address))
      this.narrow('address', address.value, this.#question.landmarks.around(table, rows, address));
  }

  isOwn(row: object): boolean {
    return this.#question.landmarks.isOwn(row);
  }

  asksForPort(value: bigint, other: bigint, protocol?: bigint): boolean {
    const { low, high } = this.#region.protocol;
    const known = protocol ?? (low === high ? low : undefined);
    if (known === undefined) return true;
    return PORT_ENDS.some((end) => this.#point[end] === value && !this.#question.unasked.has(end, known, other));
  }

  #asksFor({ value }: Address): boolean {
    return this.#point.source === value || this.#point.destination === value;
  }

  tellApart(aspect: Aspect, constant: bigint): void {
    for (const variable of VARIABLES)
      if (ASPECTS[variable] === aspect)
        this.#region[variable] = intersection(this.#region[variable], sideOf(pointAt(constant), this.#point[variable]));
  }
}
