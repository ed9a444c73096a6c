import type { Family } from '../../address/family.ts';
import { diffTables } from '../../netfilter/diff-tables.ts';
import { isMapElement } from '../../netfilter/element-key.ts';
import type { NamedMap, NamedSet, Table } from '../../netfilter/node.ts';
import type { TableChange, TableName } from '../../netfilter/table-change.ts';
import type { PlannedService, ServiceSurroundings } from '../../plan/service/service-plan.ts';
import { ElementChanges } from './element-changes.ts';
import { ElementCollection } from './element-collection.ts';
import type { FoundServices } from './found-services.ts';
import { FoundTable } from './found-table.ts';
import { FrontDirectory } from './front-directory.ts';
import { HairpinDirectory } from './hairpin-directory.ts';
import { PoolDirectory } from './pool-directory.ts';
import { serviceFrame } from './service-frame.ts';
import type { ExpectedElements } from './service-set.ts';

/** What becomes of one service: what it was, what it is. */
export interface ServiceChange {
  readonly key: string;
  readonly before: PlannedService | undefined;
  readonly after: PlannedService | undefined;
}

/** What has to change of a table that was there before: elements alone, rules as well, or even sets that hold elements. */
export type TakeoverExtent = 'elements' | 'rules' | 'sets';

interface FrameFacts {
  readonly surroundings: ServiceSurroundings;
  readonly restricted: boolean;
  readonly loopback: boolean;
  readonly version: number;
}

/** Fronts that are adopted at a time, a fraction of a millisecond. */
const SOME = 100;

const ELEMENT_CHANGES: ReadonlySet<TableChange['kind']> = new Set(['add-elements', 'remove-elements']);

/** The service table of one family: absent as long as there are no fronts, so that there are no hooks either. */
export class ServiceTable {
  readonly #family: Family;
  readonly #expected: ExpectedElements | undefined;
  readonly #pools = new PoolDirectory();
  readonly #fronts = new FrontDirectory();
  readonly #hairpins = new HairpinDirectory();
  #frame: Table | undefined;
  /** What the frame was made of. */
  #frameFacts: FrameFacts | undefined;
  /** Whether something of a table that was there before us may still be nobody's. */
  #adopting = false;
  #isConsistent = true;
  /** Changes that are told of at once, when all services have been. */
  #gathered: ElementChanges | undefined;

  /** @param expected what is known of the elements that are to come */
  constructor(family: Family, expected?: ExpectedElements) {
    this.#family = family;
    this.#expected = expected;
  }

  /** Starts from a table that is there already, some of it at a time; before anything else. */
  *adopt(found: FoundServices): Generator<void> {
    const table = new FoundTable(found);
    this.#adopting = true;
    this.#frame = table.frame;
    yield* this.#pools.adopt(table);
    let count = 0;
    for (const { front, mark } of table.fronts()) {
      this.#fronts.adopt(front, mark);
      this.#pools.reserve(mark);
      if (++count % SOME === 0) yield;
    }
    this.#pools.reserveRest();
    this.#isConsistent = table.isConsistent;
    for (const address of table.hairpins()) this.#hairpins.adopt(address);
  }

  /** What the way from the adopted table to one with these surroundings takes. */
  takeoverExtent(surroundings: ServiceSurroundings): TakeoverExtent {
    if (this.#frame === undefined) return 'elements';
    const after = this.#makeFrame(surroundings);
    if (after === undefined || !this.#isConsistent) return 'sets';
    const changes = diffTables([this.#frame], [after]);
    if (changes.every(({ kind }) => ELEMENT_CHANGES.has(kind))) return 'elements';
    const declared = setsOf(after);
    return changes.some((change) => change.kind === 'remove-set' && declared.has(change.set)) ? 'sets' : 'rules';
  }

  /** The steps, of one transaction, from the table as it was to the one with these changes; a cost of the changes alone. */
  change(services: readonly ServiceChange[], surroundings: ServiceSurroundings): readonly TableChange[] {
    const elements = new ElementChanges(this.#family);
    this.#changeServices(services, elements);
    return this.#settle(elements, surroundings);
  }

  /** As `change`, with the steps told by `finishAdoption`. */
  gather(services: readonly ServiceChange[]): void {
    this.#gathered ??= new ElementChanges(this.#family);
    this.#changeServices(services, this.#gathered);
  }

  /** The steps that remove what was adopted and is nobody's, and those that have been gathered. */
  finishAdoption(surroundings: ServiceSurroundings): readonly TableChange[] {
    if (!this.#adopting && this.#gathered === undefined) return [];
    const elements = this.#gathered ?? new ElementChanges(this.#family);
    this.#adopting = false;
    this.#gathered = undefined;
    this.#fronts.forgetUnclaimed();
    this.#pools.forgetUntaken(elements);
    this.#hairpins.forgetUnused();
    this.#settleElements(elements);
    return this.#settle(elements, surroundings);
  }

  #changeServices(services: readonly ServiceChange[], elements: ElementChanges): void {
    for (const change of services) this.#changeService(change, elements);
    this.#settleElements(elements);
  }

  #settleElements(elements: ElementChanges): void {
    this.#fronts.settle((pool) => this.#pools.markOf(pool), elements);
    this.#hairpins.settle(elements);
  }

  #settle(elements: ElementChanges, surroundings: ServiceSurroundings): readonly TableChange[] {
    const before = this.#frame;
    const after = this.#frameOf(surroundings);
    this.#frame = after;
    const frames = diffTables(before === undefined ? [] : [before], after === undefined ? [] : [after]);
    if (after === undefined) return frames;
    return [
      ...(before === undefined ? [] : elements.removals(nameOf(before), setsOf(before))),
      ...frames,
      ...elements.additions(nameOf(after), setsOf(after)),
    ];
  }

  /** The whole table. */
  get table(): Table | undefined {
    const frame = this.#frame;
    if (frame === undefined) return undefined;
    const collected = new ElementCollection(this.#family);
    for (const part of [this.#fronts, this.#pools, this.#hairpins]) part.write(collected);
    const elements = new Map(Array.from(collected, ([set, list]) => [set, [...list]]));
    return {
      ...frame,
      sets: frame.sets.map((set) => ({ ...set, elements: elements.get(set.name) ?? set.elements })),
      maps: frame.maps.map((map) => ({
        ...map,
        elements: elements.get(map.name)?.filter(isMapElement) ?? map.elements,
      })),
    };
  }

  #changeService({ key, before, after }: ServiceChange, elements: ElementChanges): void {
    const isOurs = ({ family }: { readonly family: Family }) => family === this.#family;
    for (const front of before?.fronts ?? []) if (isOurs(front)) this.#fronts.renounce(key, front);
    for (const pool of before?.pools ?? []) {
      if (!isOurs(pool)) continue;
      this.#hairpins.remove(pool);
      const isKept = after?.pools.some(({ id, family }) => id === pool.id && family === pool.family) ?? false;
      if (!isKept) this.#pools.remove(pool.id, elements);
    }
    for (const pool of after?.pools ?? []) {
      if (!isOurs(pool)) continue;
      this.#hairpins.add(pool);
      this.#pools.put(pool, elements, this.#adopting ? this.#marksOf(pool.id, after) : []);
    }
    for (const front of after?.fronts ?? []) if (isOurs(front)) this.#fronts.claim(key, front);
  }

  /** Where the fronts of a pool lead to in the maps as they are. */
  *#marksOf(id: string, service: PlannedService | undefined): Generator<number> {
    for (const front of service?.fronts ?? []) {
      const mark = front.pool === id && front.family === this.#family ? this.#fronts.markAt(front) : undefined;
      if (mark !== undefined) yield mark;
    }
  }

  /** The same object as long as nothing in it changes, which is to say for most changes of services. */
  #frameOf(surroundings: ServiceSurroundings): Table | undefined {
    if (this.#fronts.size === 0) return undefined;
    const restricted = this.#fronts.restricted > 0;
    const { loopback } = this;
    const { version } = this.#pools.classes;
    const isSame = (last: FrameFacts) =>
      last.surroundings === surroundings &&
      last.restricted === restricted &&
      last.loopback === loopback &&
      last.version === version;
    if (this.#frame !== undefined && this.#frameFacts !== undefined && isSame(this.#frameFacts)) return this.#frame;
    this.#frameFacts = { surroundings, restricted, loopback, version };
    return this.#makeFrame(surroundings);
  }

  #makeFrame(surroundings: ServiceSurroundings): Table | undefined {
    if (this.#fronts.size === 0) return undefined;
    const restricted = this.#fronts.restricted > 0;
    return serviceFrame(surroundings, [...this.#pools.classes], {
      family: this.#family,
      restricted,
      loopback: this.loopback,
      ...(this.#expected !== undefined && { expected: this.#expected }),
    });
  }

  /** Whether loopback addresses lead anywhere, for which the kernel must route them. */
  get loopback(): boolean {
    return this.#fronts.loopback > 0;
  }
}

function nameOf({ family, name }: Table): TableName {
  return { family, name };
}

function setsOf({ sets, maps }: Table): ReadonlyMap<string, NamedSet | NamedMap> {
  return new Map([...sets, ...maps].map((set) => [set.name, { ...set, elements: [] }]));
}
