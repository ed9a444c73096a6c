import type { PoolEndpoint, ServicePool } from '../../plan/service/service-plan.ts';
import { BlockPool } from './block-pool.ts';
import type { ElementChanges } from './element-changes.ts';
import type { ElementCollection } from './element-collection.ts';
import {
  ClassDirectory,
  DROPPED_CLASS,
  type EndpointClass,
  type NumberedClass,
  REFUSED_CLASS,
} from './endpoint-class.ts';
import { FoundPools } from './found-pools.ts';
import type { FoundTable } from './found-table.ts';
import { MemberBlock } from './member-block.ts';
import { NumberPool } from './number-pool.ts';
import { endpointKey, isSameEndpoint, placeEndpoints } from './placed-endpoints.ts';
import type { PlacedPool } from './placed-pool.ts';
import { frontMark, NUMBER_MASK, translatedMark } from './service-mark.ts';
import { SERVICE_SETS } from './service-set.ts';

/** A pool as it lies in the maps. */
interface NumberedPool extends PlacedPool {
  readonly pool: ServicePool;
  /** Absent for one without endpoints. */
  readonly endpointClass: NumberedClass | undefined;
}

const NO_MEMBERS: readonly number[] = [];

/** Which numbers, slots and classes the pools of a family have; they keep them for as long as they can. */
export class PoolDirectory {
  readonly #pools = new Map<string, NumberedPool>();
  readonly #numbers = new NumberPool(1, NUMBER_MASK + 1);
  readonly #blocks = new BlockPool(NUMBER_MASK + 1);
  readonly classes = new ClassDirectory();
  /** Those of a table that was there before us. */
  #found: FoundPools | undefined;

  /** Keeps the pools of a table that was there before us for who will be what they were; some at a time. */
  *adopt(table: FoundTable): Generator<void> {
    for (const [number, found] of table.classes) this.classes.hold(found, number);
    this.#found = new FoundPools(table, this.#numbers, this.#blocks);
    yield* this.#found.index();
  }

  /** Keeps the pool that a front of such a table leads to. */
  reserve(mark: number): void {
    this.#found?.reserve(mark);
  }

  /** Keeps what no front leads to as well, once all have been told of. */
  reserveRest(): void {
    this.#found?.reserveRest();
  }

  /** Gives up what has been adopted and is nobody's. */
  forgetUntaken(changes: ElementChanges): void {
    this.#found?.writeRest(changes.removed);
    this.#found = undefined;
    this.classes.releaseHeld();
  }

  /** What a front that leads to the pool has as its mark. */
  markOf(id: string): number | undefined {
    const known = this.#pools.get(id);
    if (known === undefined) return undefined;
    const empty = known.pool.whenEmpty === 'drop' ? DROPPED_CLASS : REFUSED_CLASS;
    return frontMark(known.endpointClass?.number ?? empty, known.number);
  }

  /**
   * Puts a pool in the place of the one with its id.
   * @param marks where its fronts lead to in a table that was there before us
   */
  put(pool: ServicePool, changes: ElementChanges, marks: Iterable<number> = []): void {
    const sticky = pool.affinityTimeout !== undefined;
    const known = this.#pools.get(pool.id);
    let before: PlacedPool | undefined = known ?? this.#takeFound(marks, sticky);
    if (before !== undefined && !isRoomy(before.block, sticky, pool.endpoints.length)) {
      this.#giveBack(before, changes);
      before = undefined;
    }
    const slots = placeEndpoints(before?.slots ?? [], pool.endpoints);
    const block = before?.block ?? (sticky ? MemberBlock.take(this.#blocks, slots.length) : undefined);
    const after: NumberedPool = {
      pool,
      number: block?.first ?? before?.number ?? this.#numbers.take(),
      endpointClass: this.#acquire(pool, slots.length, block),
      slots,
      block,
      members: block === undefined ? NO_MEMBERS : membersOf(block, slots, before),
    };
    this.#release(known?.endpointClass);
    this.#pools.set(pool.id, after);
    if (before === undefined) writePool(after, changes.added);
    else if (sticky) diffSticky(before, after, changes);
    else diffSlots(before, after, changes);
  }

  remove(id: string, changes: ElementChanges): void {
    const known = this.#pools.get(id);
    if (known === undefined) return;
    this.#pools.delete(id);
    this.#release(known.endpointClass);
    this.#giveBack(known, changes);
  }

  #takeFound(marks: Iterable<number>, sticky: boolean): PlacedPool | undefined {
    if (this.#found === undefined) return undefined;
    for (const mark of marks) {
      const found = this.#found.take(mark, sticky);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #giveBack(placed: PlacedPool, changes: ElementChanges): void {
    if (placed.block === undefined) this.#numbers.give(placed.number);
    else placed.block.giveTo(this.#blocks);
    writePool(placed, changes.removed);
  }

  /** Writes all elements of all pools. */
  write(elements: ElementCollection): void {
    for (const pool of this.#pools.values()) writePool(pool, elements);
  }

  #acquire(
    { protocol, affinityTimeout: timeout }: ServicePool,
    count: number,
    block: MemberBlock | undefined,
  ): NumberedPool['endpointClass'] {
    if (count === 0) return undefined;
    const affinity =
      timeout === undefined || block === undefined ? undefined : { timeout, memberBits: block.memberBits };
    return this.classes.acquire({ protocol, count, ...(affinity !== undefined && { affinity }) });
  }

  #release(left: EndpointClass | undefined): void {
    if (left !== undefined) this.classes.release(left);
  }
}

/** Whether a pool may stay as it is numbered: with affinity or without, and with a number for every endpoint. */
function isRoomy(block: MemberBlock | undefined, sticky: boolean, count: number): boolean {
  return block === undefined ? !sticky : sticky && block.size >= count;
}

/** The members of the slots; who is there already keeps his number. */
function membersOf(
  block: MemberBlock,
  slots: readonly PoolEndpoint[],
  before: PlacedPool | undefined,
): readonly number[] {
  const earlier = new Map(before?.slots.map((endpoint, index) => [endpointKey(endpoint), before.members[index]]));
  const present = new Set(slots.map(endpointKey));
  // First, since a full block has no other numbers for those that are new.
  for (const [key, member] of earlier) if (member !== undefined && !present.has(key)) block.giveMember(member);
  return slots.map((endpoint) => {
    const key = endpointKey(endpoint);
    return earlier.get(key) ?? block.takeMember();
  });
}

function writePool(pool: PlacedPool, elements: ElementCollection): void {
  const { slots, members } = pool;
  if (pool.block === undefined)
    for (const [slot, endpoint] of slots.entries()) writeEndpoint(pool, slot, endpoint, elements);
  else
    for (const [slot, endpoint] of slots.entries()) {
      writeChoice(pool, slot, elements);
      writeMember(members[slot], endpoint, elements);
    }
}

function writeEndpoint(
  { number }: PlacedPool,
  slot: number,
  { address, port }: PoolEndpoint,
  elements: ElementCollection,
): void {
  elements.to(SERVICE_SETS.endpoints).number(translatedMark(number)).number(slot).address(address).number(port);
}

function writeChoice({ number, members }: PlacedPool, slot: number, elements: ElementCollection): void {
  const member = translatedMark(members[slot] ?? 0);
  elements.to(SERVICE_SETS.choices).number(translatedMark(number)).number(slot).number(member);
}

function writeMember(member = 0, { address, port }: PoolEndpoint, elements: ElementCollection): void {
  elements.to(SERVICE_SETS.members).number(translatedMark(member)).address(address).number(port);
}

function diffSlots(before: PlacedPool, after: PlacedPool, { removed, added }: ElementChanges): void {
  for (let slot = 0; slot < Math.max(before.slots.length, after.slots.length); slot++) {
    const old = before.slots[slot];
    const next = after.slots[slot];
    if (old !== undefined && next !== undefined && isSameEndpoint(old, next)) continue;
    if (old !== undefined) writeEndpoint(before, slot, old, removed);
    if (next !== undefined) writeEndpoint(after, slot, next, added);
  }
}

function diffSticky(before: PlacedPool, after: PlacedPool, { removed, added }: ElementChanges): void {
  for (let slot = 0; slot < Math.max(before.slots.length, after.slots.length); slot++) {
    if (before.members[slot] === after.members[slot]) continue;
    if (slot < before.slots.length) writeChoice(before, slot, removed);
    if (slot < after.slots.length) writeChoice(after, slot, added);
  }
  const next = new Map(after.slots.map((endpoint, slot) => [after.members[slot], endpoint]));
  for (const [slot, endpoint] of before.slots.entries()) {
    const member = before.members[slot];
    if (isSameEndpoint(endpoint, next.get(member))) next.delete(member);
    else writeMember(member, endpoint, removed);
  }
  for (const [member, endpoint] of next) writeMember(member, endpoint, added);
}
