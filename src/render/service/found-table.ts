import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { hostPrefix, type Prefix } from '../../address/prefix.ts';
import { PROTOCOL_NUMBERS, type TransportProtocol } from '../../address/protocol.ts';
import { isMapElement, isVerdict, literalsKey } from '../../netfilter/element-key.ts';
import type { Literal, MapElement, SetElement, Table } from '../../netfilter/node.ts';
import { ElementPacker, type PackedElements } from '../../netfilter/packed-elements.ts';
import type { ServiceFront } from '../../plan/service/service-plan.ts';
import { type EndpointClass, parseClassName } from './endpoint-class.ts';
import type { FoundServices } from './found-services.ts';
import { SURROUNDING_SETS } from './service-chain.ts';
import { classOfMark, numberOfMark, translatedMark } from './service-mark.ts';
import { plainSets, SERVICE_SETS } from './service-set.ts';

/** A front as a table has it: its pool is known by the mark alone. */
export interface FoundFront {
  readonly front: ServiceFront;
  readonly mark: number;
}

/** Pools that are gone through at a time, a fraction of a millisecond. */
const SOME = 100;

const NO_FRONT = { name: '', pool: '' } as const;

/** What the fronts of each map have in common. */
const FRONT_MAPS = {
  [SERVICE_SETS.fronts]: { kind: 'address', role: 'cluster', reach: 'everyone' },
  [SERVICE_SETS.insideFronts]: { kind: 'address', role: 'cluster', reach: 'inside' },
  [SERVICE_SETS.nodePorts]: { kind: 'node-port', policy: 'Cluster', reach: 'everyone' },
  [SERVICE_SETS.localNodePorts]: { kind: 'node-port', policy: 'Local', reach: 'everyone' },
  [SERVICE_SETS.insideNodePorts]: { kind: 'node-port', policy: 'Local', reach: 'inside' },
  [SERVICE_SETS.hostPorts]: { kind: 'host-port' },
} as const;

/** A table that a former agent has left, read as what it says of services. */
export class FoundTable {
  readonly #found: FoundServices;
  readonly family: Family;
  #isConsistent = true;
  /** The classes of pools with endpoints, by their numbers. */
  readonly classes: ReadonlyMap<number, EndpointClass>;

  constructor(found: FoundServices) {
    this.#found = found;
    this.family = found.frame.family === 'ip6' ? 6 : 4;
    this.classes = new Map(
      mapElements(found.frame, SURROUNDING_SETS.classes).flatMap(({ key, value }) => {
        const parsed = isVerdict(value) && 'chain' in value ? parseClassName(value.chain) : undefined;
        return parsed === undefined ? [] : [[classOfMark(numberIn(key, 0)), parsed] as const];
      }),
    );
  }

  /** All of the table but the elements that come and go with services. */
  get frame(): Table {
    const { frame } = this.#found;
    const admitted = frame.sets.map((set) => (set.name === SERVICE_SETS.admitted ? { ...set, elements: [] } : set));
    return { ...frame, sets: admitted };
  }

  /** The elements of a plain set; undefined where the table has no such set. */
  elements(set: string): PackedElements | undefined {
    return this.#found.elements.get(set);
  }

  /** Whether nothing has been found, in a damaged table, that says of fronts which aren't there whom they let in. */
  get isConsistent(): boolean {
    return this.#isConsistent;
  }

  *fronts(): Generator<FoundFront> {
    const sources = this.#admittedSources();
    for (const [map, shared] of Object.entries(FRONT_MAPS))
      for (const element of this.elements(map) ?? []) {
        const { key } = element;
        const [address] = key;
        const protocol = protocolOf(numberIn(key, key.length - 2));
        if (protocol === undefined || !isMapElement(element) || isVerdict(element.value)) continue;
        const mark = numberIn(element.value, 0);
        const front = { ...NO_FRONT, family: this.family, protocol, port: numberIn(key, key.length - 1) };
        if (shared.kind !== 'address') yield { front: { ...front, ...shared }, mark };
        else if (address?.kind === 'address') {
          const name = shared.reach === 'everyone' ? literalsKey(key) : '';
          const own = sources.get(name);
          sources.delete(name);
          const { address: value } = address;
          yield { front: { ...front, ...shared, address: value, ...(own !== undefined && { sources: own }) }, mark };
        }
      }
    if (sources.size > 0) this.#isConsistent = false;
  }

  *hairpins(): Generator<Address> {
    for (const { key } of this.elements(SERVICE_SETS.hairpins) ?? [])
      if (key[0]?.kind === 'address') yield key[0].address;
  }

  /** Keys of all endpoints that fronts lead to by pools without affinity, some at a time; a row has a key and no value. */
  *endpointKeys(): Generator<void, PackedElements> {
    const declared = plainSets(this.family).get(SERVICE_SETS.endpoints);
    if (declared === undefined) throw new RangeError('no map of endpoints');
    const packer = new ElementPacker({ ...declared, name: 'keys' });
    const seen = new Set<number>();
    for (const map of Object.keys(FRONT_MAPS)) {
      const rows = this.elements(map);
      if (rows === undefined) continue;
      // The mark is all there is of a value.
      for (let at = rows.stride - 1; at < rows.words.length; at += rows.stride) {
        const mark = rows.words[at] ?? 0;
        const number = numberOfMark(mark);
        const own = this.classes.get(classOfMark(mark));
        if (own === undefined || own.affinity !== undefined || seen.has(number)) continue;
        seen.add(number);
        if (seen.size % SOME === 0) yield;
        for (let slot = 0; slot < own.count; slot++) {
          packer.word(translatedMark(number));
          packer.word(slot);
          for (let rest = 2; rest < packer.stride; rest++) packer.word(0);
        }
      }
    }
    return packer.elements;
  }

  /** Of fronts that not every source may connect to, by their keys. */
  #admittedSources(): Map<string, Prefix[]> {
    const sources = new Map<string, Prefix[]>();
    for (const { key } of this.elements(SERVICE_SETS.restricted) ?? []) sources.set(literalsKey(key), []);
    const admitted = this.#found.frame.sets.find(({ name }) => name === SERVICE_SETS.admitted)?.elements ?? [];
    for (const { key } of admitted) {
      const source = prefixIn(key.at(-1));
      const own = sources.get(literalsKey(key.slice(0, -1)));
      if (source === undefined || own === undefined) this.#isConsistent = false;
      else own.push(source);
    }
    return sources;
  }
}

function mapElements({ maps }: Table, name: string): readonly MapElement[] {
  return maps.find((map) => map.name === name)?.elements ?? [];
}

function numberIn(literals: SetElement['key'], index: number): number {
  const literal = literals[index];
  return literal?.kind === 'number' ? literal.value >>> 0 : 0;
}

function prefixIn(literal: Literal | undefined): Prefix | undefined {
  if (literal?.kind === 'prefix') return literal.prefix;
  return literal?.kind === 'address' ? hostPrefix(literal.address) : undefined;
}

function protocolOf(number: number): TransportProtocol | undefined {
  return (['tcp', 'udp', 'sctp'] as const).find((name) => PROTOCOL_NUMBERS[name] === number);
}
