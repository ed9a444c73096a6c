import { isVerdict, literalsKey } from '../../netfilter/element-key.ts';
import type { Literal, MapElement } from '../../netfilter/node.ts';
import type { PoolEndpoint, ServicePool } from '../../plan/service/service-plan.ts';
import { addressLiteral, numberLiteral } from '../rule.ts';
import { BlockPool } from './block-pool.ts';
import type { ElementChanges } from './element-changes.ts';
import { ClassDirectory, DROPPED_CLASS, type EndpointClass, REFUSED_CLASS } from './endpoint-class.ts';
import type { FoundTable } from './found-table.ts';
import { MemberBlock } from './member-block.ts';
import { NumberPool } from './number-pool.ts';
import { endpointKey, placeEndpoints } from './placed-endpoints.ts';
import { frontMark, NUMBER_MASK, translatedMark } from './service-mark.ts';
import { SERVICE_SETS } from './service-set.ts';

/** A pool as it lies in the maps. */
interface NumberedPool {
  readonly pool: ServicePool;
  readonly number: number;
  /** Absent for one without endpoints. */
  readonly endpointClass: (EndpointClass & { readonly number: number }) | undefined;
  /** Endpoints by their slots. */
  readonly slots: readonly PoolEndpoint[];
  /** Of a pool with affinity, its block of numbers, and those of them that its slots have. */
  readonly block: MemberBlock | undefined;
  readonly members: readonly number[];
}

/** Which numbers, slots and classes the pools of a family have; they keep them for as long as they can. */
export class PoolDirectory {
  readonly #pools = new Map<string, NumberedPool>();
  readonly #numbers = new NumberPool(1, NUMBER_MASK + 1);
  readonly #blocks = new BlockPool(NUMBER_MASK + 1);
  readonly classes = new ClassDirectory();

  /** What a front that leads to the pool has as its mark. */
  markOf(id: string): number | undefined {
    const known = this.#pools.get(id);
    if (known === undefined) return undefined;
    const empty = known.pool.whenEmpty === 'drop' ? DROPPED_CLASS : REFUSED_CLASS;
    return frontMark(known.endpointClass?.number ?? empty, known.number);
  }

  /**
   * Puts a pool in the place of the one with its id.
   * @param found what a table that was there before says of the pool
   */
  put(pool: ServicePool, changes: ElementChanges, found?: FoundPool): void {
    const sticky = pool.affinityTimeout !== undefined;
    let before = this.#pools.get(pool.id);
    if (before !== undefined && !isRoomy(before.block, sticky, pool.endpoints.length)) {
      this.remove(pool.id, changes);
      before = undefined;
    }
    const slots = placeEndpoints(before?.slots ?? found?.slots ?? [], pool.endpoints);
    const block = before?.block ?? (sticky ? MemberBlock.take(this.#blocks, slots.length, found?.number) : undefined);
    const after: NumberedPool = {
      pool,
      number: block?.first ?? before?.number ?? this.#numbers.take(found?.number),
      endpointClass: this.#acquire(pool, slots.length, block),
      slots,
      block,
      members: block === undefined ? [] : membersOf(block, slots, before, found),
    };
    this.#release(before?.endpointClass);
    this.#pools.set(pool.id, after);
    diffElements(before, after, changes);
  }

  remove(id: string, changes: ElementChanges): void {
    const known = this.#pools.get(id);
    if (known === undefined) return;
    this.#pools.delete(id);
    this.#release(known.endpointClass);
    if (known.block === undefined) this.#numbers.give(known.number);
    else known.block.giveTo(this.#blocks);
    diffElements(known, undefined, changes);
  }

  /** All elements of all pools, each with the name of its map. */
  *elements(): Generator<readonly [string, MapElement]> {
    for (const pool of this.#pools.values()) yield* elementsOf(pool);
  }

  #acquire(
    { protocol, affinityTimeout: timeout }: ServicePool,
    count: number,
    block: MemberBlock | undefined,
  ): NumberedPool['endpointClass'] {
    if (count === 0) return undefined;
    const affinity =
      timeout === undefined || block === undefined ? undefined : { timeout, memberBits: block.memberBits };
    const wanted = { protocol, count, ...(affinity !== undefined && { affinity }) };
    return { ...wanted, number: this.classes.acquire(wanted) };
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
  before: NumberedPool | undefined,
  found: FoundPool | undefined,
): readonly number[] {
  const earlier = new Map(before?.slots.map((endpoint, index) => [endpointKey(endpoint), before.members[index]]));
  const present = new Set(slots.map(endpointKey));
  // First, since a full block has no other numbers for those that are new.
  for (const [key, member] of earlier) if (member !== undefined && !present.has(key)) block.giveMember(member);
  return slots.map((endpoint) => {
    const key = endpointKey(endpoint);
    return earlier.get(key) ?? block.takeMember(found?.members.get(key));
  });
}

/** What a table says of one pool. */
export type FoundPool = ReturnType<FoundTable['pool']>;

/** Slots and ports are few, elements many. */
const numbers: Literal[] = [];

function sharedNumber(value: number): Literal {
  let literal = numbers[value];
  if (literal === undefined) {
    literal = numberLiteral(value);
    numbers[value] = literal;
  }
  return literal;
}

function elementsOf({ number, slots, members, pool }: NumberedPool): readonly (readonly [string, MapElement])[] {
  const mark = numberLiteral(translatedMark(number));
  const value = ({ address, port }: PoolEndpoint) => [addressLiteral(address), sharedNumber(port)];
  if (pool.affinityTimeout === undefined)
    return slots.map((endpoint, slot) => [
      SERVICE_SETS.endpoints,
      { key: [mark, sharedNumber(slot)], value: value(endpoint) },
    ]);
  return slots.flatMap((endpoint, slot) => {
    const member = numberLiteral(translatedMark(members[slot] ?? 0));
    return [
      [SERVICE_SETS.choices, { key: [mark, sharedNumber(slot)], value: [member] }],
      [SERVICE_SETS.members, { key: [member], value: value(endpoint) }],
    ] as const;
  });
}

function diffElements(
  before: NumberedPool | undefined,
  after: NumberedPool | undefined,
  changes: ElementChanges,
): void {
  if (before === undefined || after === undefined) {
    if (before !== undefined) for (const element of elementsOf(before)) changes.remove(...element);
    if (after !== undefined) for (const element of elementsOf(after)) changes.add(...element);
    return;
  }
  const old = new Map(elementsOf(before).map((element) => [elementText(element), element]));
  for (const element of elementsOf(after)) if (!old.delete(elementText(element))) changes.add(...element);
  for (const element of old.values()) changes.remove(...element);
}

function elementText([set, { key, value }]: readonly [string, MapElement]): string {
  return `${set} ${literalsKey(key)} ${isVerdict(value) ? '' : literalsKey(value)}`;
}
