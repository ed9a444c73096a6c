import type { Family } from '../../address/family.ts';
import { diffTables } from '../../netfilter/diff-tables.ts';
import type { MapElement, NamedMap, NamedSet, SetElement, Table } from '../../netfilter/node.ts';
import type { TableChange, TableName } from '../../netfilter/table-change.ts';
import type { PlannedService, ServiceSurroundings } from '../../plan/service/service-plan.ts';
import { ElementChanges } from './element-changes.ts';
import { FoundTable } from './found-table.ts';
import { FrontDirectory, placeOf } from './front-directory.ts';
import { HairpinDirectory } from './hairpin-directory.ts';
import { PoolDirectory } from './pool-directory.ts';
import { serviceFrame } from './service-frame.ts';

/** What becomes of one service: what it was, what it is. */
export interface ServiceChange {
  readonly key: string;
  readonly before: PlannedService | undefined;
  readonly after: PlannedService | undefined;
}

interface FrameFacts {
  readonly surroundings: ServiceSurroundings;
  readonly restricted: boolean;
  readonly loopback: boolean;
  readonly version: number;
}

/** The service table of one family: absent as long as there are no fronts, so that there are no hooks either. */
export class ServiceTable {
  readonly #family: Family;
  readonly #pools = new PoolDirectory();
  readonly #fronts = new FrontDirectory();
  readonly #hairpins = new HairpinDirectory();
  #frame: Table | undefined;
  /** What the frame was made of. */
  #frameFacts: FrameFacts | undefined;
  #found: FoundTable | undefined;

  constructor(family: Family) {
    this.#family = family;
  }

  /** Takes the numbers of a table that is there already for pools that are new from now on. */
  adopt(table: Table): void {
    this.#found = new FoundTable(table);
    this.#pools.classes.adopt(this.#found.classes);
  }

  forgetAdopted(): void {
    this.#found = undefined;
  }

  /** The steps, of one transaction, from the table as it was to the one with these changes; a cost of the changes alone. */
  change(services: readonly ServiceChange[], surroundings: ServiceSurroundings): readonly TableChange[] {
    const elements = new ElementChanges();
    for (const change of services) this.#changeService(change, elements);
    this.#fronts.settle((pool) => this.#pools.markOf(pool), elements);
    this.#hairpins.settle(elements);
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
    const elements = new Map<string, (SetElement | MapElement)[]>();
    for (const part of [this.#fronts.elements(), this.#pools.elements(), this.#hairpins.elements()])
      for (const [set, element] of part) {
        const known = elements.get(set);
        if (known === undefined) elements.set(set, [element]);
        else known.push(element);
      }
    return {
      ...frame,
      sets: frame.sets.map((set) => ({ ...set, elements: elements.get(set.name) ?? set.elements })),
      maps: frame.maps.map((map) => ({
        ...map,
        elements: elements.get(map.name)?.filter((element) => 'value' in element) ?? map.elements,
      })),
    };
  }

  #changeService({ key, before, after }: ServiceChange, elements: ElementChanges): void {
    const ofFamily = <Part extends { readonly family: Family }>(parts: readonly Part[] | undefined) =>
      (parts ?? []).filter(({ family }) => family === this.#family);
    const pools = ofFamily(after?.pools);
    const kept = new Set(pools.map(({ id }) => id));
    for (const front of ofFamily(before?.fronts)) this.#fronts.renounce(key, front);
    for (const pool of ofFamily(before?.pools)) {
      this.#hairpins.remove(pool);
      if (!kept.has(pool.id)) this.#pools.remove(pool.id, elements);
    }
    for (const pool of pools) {
      this.#hairpins.add(pool);
      this.#pools.put(pool, elements, this.#findPool(pool.id, after));
    }
    for (const front of ofFamily(after?.fronts)) this.#fronts.claim(key, front);
  }

  #findPool(id: string, service: PlannedService | undefined) {
    if (this.#found === undefined) return undefined;
    for (const front of service?.fronts ?? []) {
      if (front.pool !== id || front.family !== this.#family) continue;
      const { map, key } = placeOf(front);
      const pool = this.#found.pool(map, key);
      if (pool !== undefined) return pool;
    }
    return undefined;
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
    return serviceFrame(surroundings, [...this.#pools.classes], { family: this.#family, restricted, loopback });
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
