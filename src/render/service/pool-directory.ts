import { isVerdict, literalsKey } from '../../netfilter/element-key.ts';
import type { Literal, MapElement } from '../../netfilter/node.ts';
import type { PoolEndpoint, ServicePool } from '../../plan/service/service-plan.ts';
import { addressLiteral, numberLiteral } from '../rule.ts';
import type { ElementChanges } from './element-changes.ts';
import { ClassDirectory, DROPPED_CLASS, type EndpointClass, REFUSED_CLASS } from './endpoint-class.ts';
import type { FoundTable } from './found-table.ts';
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
  /** Of a pool with affinity, the member numbers of its slots. */
  readonly members: readonly number[];
}

/** Which numbers, slots and classes the pools of a family have; they keep them for as long as they can. */
export class PoolDirectory {
  readonly #pools = new Map<string, NumberedPool>();
  readonly #numbers = new NumberPool(1, NUMBER_MASK + 1);
  readonly #members = new NumberPool(1, NUMBER_MASK + 1);
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
    if (before !== undefined && (before.pool.affinityTimeout !== undefined) !== sticky) {
      this.remove(pool.id, changes);
      before = undefined;
    }
    const slots = placeEndpoints(before?.slots ?? found?.slots ?? [], pool.endpoints);
    const number = before?.number ?? this.#numbers.take(found?.number);
    const after: NumberedPool = {
      pool,
      number,
      endpointClass: this.#acquire(pool, slots.length),
      slots,
      members: sticky ? this.#membersOf(slots, before, found) : [],
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
    this.#numbers.give(known.number);
    for (const member of known.members) this.#members.give(member);
    diffElements(known, undefined, changes);
  }

  /** All elements of all pools, each with the name of its map. */
  *elements(): Generator<readonly [string, MapElement]> {
    for (const pool of this.#pools.values()) yield* elementsOf(pool);
  }

  #acquire({ protocol, affinityTimeout }: ServicePool, count: number): NumberedPool['endpointClass'] {
    if (count === 0) return undefined;
    const wanted = { protocol, count, ...(affinityTimeout !== undefined && { affinityTimeout }) };
    return { ...wanted, number: this.classes.acquire(wanted) };
  }

  #release(left: EndpointClass | undefined): void {
    if (left !== undefined) this.classes.release(left);
  }

  #membersOf(
    slots: readonly PoolEndpoint[],
    before: NumberedPool | undefined,
    found: FoundPool | undefined,
  ): readonly number[] {
    const earlier = new Map(before?.slots.map((endpoint, index) => [endpointKey(endpoint), before.members[index]]));
    const members = slots.map((endpoint) => {
      const key = endpointKey(endpoint);
      return earlier.get(key) ?? this.#members.take(found?.members.get(key));
    });
    const kept = new Set(members);
    for (const member of before?.members ?? []) if (!kept.has(member)) this.#members.give(member);
    return members;
  }
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
