import type { Family } from '../../address/family.ts';
import type { PackedElements } from '../../netfilter/packed-elements.ts';
import type { PoolEndpoint } from '../../plan/service/service-plan.ts';
import type { BlockPool } from './block-pool.ts';
import type { ElementCollection } from './element-collection.ts';
import type { FoundTable } from './found-table.ts';
import { MemberBlock } from './member-block.ts';
import type { NumberPool } from './number-pool.ts';
import type { PlacedPool } from './placed-pool.ts';
import { classOfMark, numberOfMark } from './service-mark.ts';
import { SERVICE_SETS } from './service-set.ts';

/** Rows that are looked at at a time, a fraction of a millisecond. */
const SOME = 500;
const SMALLEST_BLOCK_BITS = 5;

/** A pool that a front led to: its numbers are kept for whoever takes it. */
interface ReservedPool {
  readonly number: number;
  /** Where it has affinity. */
  readonly block: MemberBlock | undefined;
  /** By slot, of the map of endpoints or, with affinity, of choices. */
  readonly rows: readonly number[];
}

/** Rows of a set by the number in the first word of their keys. */
type RowIndex = Map<number, number[]>;

/** The pools of a table that was there before us, each to be taken by who is what it was; what is left over must go. */
export class FoundPools {
  readonly #table: FoundTable;
  readonly #numbers: NumberPool;
  readonly #blocks: BlockPool;
  readonly #endpoints: RowIndex = new Map();
  readonly #choices: RowIndex = new Map();
  readonly #members: RowIndex = new Map();
  /** By the mark of the fronts that led there. */
  readonly #reserved = new Map<number, ReservedPool>();

  constructor(table: FoundTable, numbers: NumberPool, blocks: BlockPool) {
    this.#table = table;
    this.#numbers = numbers;
    this.#blocks = blocks;
  }

  /** Sorts what there is, some of it at a time. */
  *index(): Generator<void> {
    for (const [set, index] of [
      [SERVICE_SETS.endpoints, this.#endpoints],
      [SERVICE_SETS.choices, this.#choices],
      [SERVICE_SETS.members, this.#members],
    ] as const) {
      const elements = this.#table.elements(set);
      if (elements !== undefined) yield* indexRows(elements, index);
    }
    for (const number of this.#endpoints.keys()) this.#numbers.reserve(number);
  }

  /** Once all fronts' pools are kept: has nobody new take numbers that others still have. */
  reserveRest(): void {
    for (const number of [...this.#choices.keys(), ...this.#members.keys()])
      this.#blocks.reserve(number - (number % 2 ** SMALLEST_BLOCK_BITS), SMALLEST_BLOCK_BITS);
  }

  /** Keeps the numbers of the pool that fronts with this mark lead to. */
  reserve(mark: number): void {
    if (this.#reserved.has(mark)) return;
    const number = numberOfMark(mark);
    const own = this.#table.classes.get(classOfMark(mark));
    if (own === undefined) {
      this.#reserved.set(mark, { number, block: undefined, rows: [] });
      return;
    }
    const index = own.affinity === undefined ? this.#endpoints : this.#choices;
    const elements = this.#table.elements(own.affinity === undefined ? SERVICE_SETS.endpoints : SERVICE_SETS.choices);
    const rows = index.get(number) ?? [];
    // A damaged pool is made anew elsewhere, and what there is of it goes.
    if (elements === undefined || rows.length !== own.count || !sortBySlot(elements, rows)) return;
    if (own.affinity === undefined) {
      this.#reserved.set(mark, { number, block: undefined, rows });
      return;
    }
    const block = MemberBlock.reserve(this.#blocks, number, own.affinity.memberBits);
    if (block !== undefined) this.#reserved.set(mark, { number, block, rows });
  }

  /** The pool that fronts with this mark led to, as it lies in the maps, for one that has affinity or has not. */
  take(mark: number, sticky: boolean): PlacedPool | undefined {
    const reserved = this.#reserved.get(mark);
    if (reserved === undefined) return undefined;
    const { number, block, rows } = reserved;
    if (rows.length > 0 && (block !== undefined) !== sticky) return undefined;
    const placed = rows.length === 0 ? this.#placeEmpty(number, sticky) : this.#place(reserved);
    if (placed === undefined) return undefined;
    this.#reserved.delete(mark);
    (block === undefined ? this.#endpoints : this.#choices).delete(number);
    for (const member of placed.members) this.#members.delete(member);
    return placed;
  }

  /** Writes what nobody has taken. */
  writeRest(elements: ElementCollection): void {
    for (const [set, index] of [
      [SERVICE_SETS.endpoints, this.#endpoints],
      [SERVICE_SETS.choices, this.#choices],
      [SERVICE_SETS.members, this.#members],
    ] as const) {
      const found = this.#table.elements(set);
      if (found === undefined) continue;
      for (const rows of index.values()) for (const row of rows) elements.to(set).copy(found, row);
    }
  }

  #placeEmpty(number: number, sticky: boolean): PlacedPool | undefined {
    const block = sticky ? MemberBlock.reserve(this.#blocks, number, SMALLEST_BLOCK_BITS) : undefined;
    if (sticky && block === undefined) return undefined;
    if (!sticky && !this.#numbers.reserve(number)) return undefined;
    return { number, slots: [], block, members: [] };
  }

  #place({ number, block, rows }: ReservedPool): PlacedPool | undefined {
    const { family } = this.#table;
    if (block === undefined) {
      const endpoints = this.#table.elements(SERVICE_SETS.endpoints);
      const slots = endpoints === undefined ? [] : rows.map((row) => endpointIn(endpoints, row, family));
      return slots.length === rows.length ? { number, slots, block, members: [] } : undefined;
    }
    const found = this.#table.elements(SERVICE_SETS.members);
    const members = rows.map((row) =>
      numberOfMark(this.#table.elements(SERVICE_SETS.choices)?.words[3 * row + 2] ?? 0),
    );
    const slots = members.flatMap((member) => {
      const [row] = this.#members.get(member) ?? [];
      return row === undefined || found === undefined ? [] : [endpointIn(found, row, family)];
    });
    const isWhole = slots.length === rows.length && new Set(members).size === members.length;
    if (!isWhole || !members.every((member) => block.reserveMember(member))) return undefined;
    return { number, slots, block, members };
  }
}

function* indexRows({ words, stride, length }: PackedElements, index: RowIndex): Generator<void> {
  for (let row = 0; row < length; row++) {
    if (row % SOME === SOME - 1) yield;
    const number = numberOfMark(words[row * stride] ?? 0);
    const known = index.get(number);
    if (known === undefined) index.set(number, [row]);
    else known.push(row);
  }
}

/** Sorts rows by the slots in the second words of their keys; false where slots are missing. */
function sortBySlot({ words, stride }: PackedElements, rows: number[]): boolean {
  const slotOf = (row: number) => words[row * stride + 1];
  rows.sort((left, right) => (slotOf(left) ?? 0) - (slotOf(right) ?? 0));
  return rows.every((row, slot) => slotOf(row) === slot);
}

/** The endpoint that is the value of a row: an address and a port, behind the key. */
function endpointIn(elements: PackedElements, row: number, family: Family): PoolEndpoint {
  const word = elements.layout.key.bytes / 4;
  const address = elements.addressAt(row, word, family);
  return { address, port: elements.portAt(row, elements.stride - 1), local: false };
}
