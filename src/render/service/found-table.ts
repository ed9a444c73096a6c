import { elementKey, isVerdict } from '../../netfilter/element-key.ts';
import type { Literal, MapElement, Table } from '../../netfilter/node.ts';
import type { PoolEndpoint } from '../../plan/service/service-plan.ts';
import { endpointKey } from './placed-endpoints.ts';
import { SURROUNDING_SETS } from './service-chain.ts';
import { classOfMark, numberOfMark } from './service-mark.ts';
import { SERVICE_SETS } from './service-set.ts';

/** What a pool was in a table that was there before us: a wish, which nothing but economy depends on. */
interface FoundPool {
  readonly number: number;
  readonly slots: readonly PoolEndpoint[];
  /** Member numbers by endpoint. */
  readonly members: ReadonlyMap<string, number>;
}

const FRONT_MAPS: readonly string[] = [
  SERVICE_SETS.fronts,
  SERVICE_SETS.insideFronts,
  SERVICE_SETS.nodePorts,
  SERVICE_SETS.localNodePorts,
  SERVICE_SETS.insideNodePorts,
  SERVICE_SETS.hostPorts,
];

/** Numbers, slots and classes in a table that a former agent has left, so that ours differs from it in little. */
export class FoundTable {
  /** By chain. */
  readonly classes: ReadonlyMap<string, number>;
  /** Of the maps that are asked by key: those of fronts. */
  readonly #fronts: ReadonlyMap<string, ReadonlyMap<string, MapElement>>;
  /** By pool number. */
  readonly #slots: ReadonlyMap<number, readonly PoolEndpoint[]>;
  readonly #members: ReadonlyMap<number, ReadonlyMap<string, number>>;

  constructor(table: Table) {
    const elementsOf = (name: string) => table.maps.find((map) => map.name === name)?.elements ?? [];
    const byKey = (name: string) => new Map(elementsOf(name).map((one) => [elementKey(one), one]));
    this.#fronts = new Map(FRONT_MAPS.map((name) => [name, byKey(name)]));
    this.classes = new Map(
      elementsOf(SURROUNDING_SETS.classes).flatMap(({ key, value }) =>
        isVerdict(value) && 'chain' in value ? [[value.chain, classOfMark(numberIn(key, 0))] as const] : [],
      ),
    );
    const slots = new Map<number, PoolEndpoint[]>();
    const members = new Map<number, Map<string, number>>();
    const place = (number: number, slot: number, endpoint: PoolEndpoint | undefined) => {
      if (endpoint === undefined) return;
      const placed = slots.get(number) ?? [];
      slots.set(number, placed);
      placed[slot] = endpoint;
    };
    for (const { key, value } of elementsOf(SERVICE_SETS.endpoints))
      place(numberOfMark(numberIn(key, 0)), numberIn(key, 1), endpointIn(value));
    const endpoints = byKey(SERVICE_SETS.members);
    for (const { key, value } of elementsOf(SERVICE_SETS.choices)) {
      if (isVerdict(value)) continue;
      const number = numberOfMark(numberIn(key, 0));
      const member = endpoints.get(elementKey({ key: value }));
      const endpoint = member && endpointIn(member.value);
      place(number, numberIn(key, 1), endpoint);
      if (endpoint === undefined) continue;
      const own = members.get(number) ?? new Map<string, number>();
      members.set(number, own.set(endpointKey(endpoint), numberOfMark(numberIn(value, 0))));
    }
    // A hole in a damaged table is no endpoint.
    this.#slots = new Map(Array.from(slots, ([number, placed]) => [number, Object.values(placed)]));
    this.#members = members;
  }

  /** The pool that a front led to, by the front's map and its key in there. */
  pool(map: string, key: readonly Literal[]): FoundPool | undefined {
    const element = this.#fronts.get(map)?.get(elementKey({ key }));
    if (element === undefined || isVerdict(element.value)) return undefined;
    const number = numberOfMark(numberIn(element.value, 0));
    return { number, slots: this.#slots.get(number) ?? [], members: this.#members.get(number) ?? new Map() };
  }
}

function numberIn(literals: readonly Literal[], index: number): number {
  const literal = literals[index];
  return literal?.kind === 'number' ? literal.value >>> 0 : 0;
}

function endpointIn(value: MapElement['value']): PoolEndpoint | undefined {
  if (isVerdict(value)) return undefined;
  const [address] = value;
  return address?.kind === 'address' ? { address: address.address, port: numberIn(value, 1), local: false } : undefined;
}
