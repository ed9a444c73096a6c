import type { Family } from '../../address/family.ts';
import type { DataType, NamedMap, NamedSet } from '../../netfilter/node.ts';
import { type FamilyTerms, TERMS } from './service-family.ts';

/** The sets and maps whose elements come and go with services. Their declarations hold none. */
export const SERVICE_SETS = {
  /** Address, protocol and port of a front → class and pool. */
  fronts: 'fronts',
  /** As fronts, and asked before, for clients on this node. */
  insideFronts: 'inside-fronts',
  /** Protocol and port → class and pool, at node addresses. */
  nodePorts: 'node-ports',
  localNodePorts: 'local-node-ports',
  insideNodePorts: 'inside-node-ports',
  /** The same at every address of the host. */
  hostPorts: 'host-ports',
  /** Pool and slot → address and port. */
  endpoints: 'endpoints',
  /** Of pools with affinity: pool and slot → member, member → address and port. */
  choices: 'choices',
  members: 'members',
  /** Fronts that not every source may connect to, and the sources that may. */
  restricted: 'restricted',
  admitted: 'admitted',
  /** Endpoints on this node, twice: who connects to a service and is chosen himself. */
  hairpins: 'hairpins',
} as const;

/** Clients that an affinity may hold at a time: what is more is balanced like everyone. */
const AFFINITY_SIZE = 262_144;

/** The map of clients, by pool, and the members that they were led to; one for each timeout, as a client starts it anew. */
export function affinityMap({ address }: FamilyTerms, seconds: number): NamedMap {
  return {
    ...map(`affinity-${seconds}`, [address, 'mark'], ['mark']),
    flags: ['timeout', 'dynamic'],
    size: AFFINITY_SIZE,
    timeout: seconds * 1000,
  };
}

/** About how many elements are to come, as far as that is known before the first. */
export interface ExpectedElements {
  readonly fronts: number;
  readonly endpoints: number;
}

/** From here on the kernel is told: below, its hash tables grow in no time. */
const MANY = 4096;

export function serviceMaps({ address }: FamilyTerms, expected?: ExpectedElements): readonly NamedMap[] {
  const front: readonly DataType[] = [address, 'inet_proto', 'inet_service'];
  const port: readonly DataType[] = ['inet_proto', 'inet_service'];
  return [
    expecting(expected?.fronts, map(SERVICE_SETS.fronts, front, ['mark'])),
    map(SERVICE_SETS.insideFronts, front, ['mark']),
    map(SERVICE_SETS.nodePorts, port, ['mark']),
    map(SERVICE_SETS.localNodePorts, port, ['mark']),
    map(SERVICE_SETS.insideNodePorts, port, ['mark']),
    map(SERVICE_SETS.hostPorts, port, ['mark']),
    expecting(expected?.endpoints, map(SERVICE_SETS.endpoints, ['mark', 'mark'], [address, 'inet_service'])),
  ];
}

function expecting(count: number | undefined, map: NamedMap): NamedMap {
  return count === undefined || count < MANY ? map : { ...map, expected: count };
}

export function stickyMaps({ address }: FamilyTerms): readonly NamedMap[] {
  return [
    map(SERVICE_SETS.choices, ['mark', 'mark'], ['mark']),
    map(SERVICE_SETS.members, ['mark'], [address, 'inet_service']),
  ];
}

export function hairpinSet({ address }: FamilyTerms): NamedSet {
  return set(SERVICE_SETS.hairpins, [address, address]);
}

export function admissionSets({ address }: FamilyTerms): readonly NamedSet[] {
  const front: readonly DataType[] = [address, 'inet_proto', 'inet_service'];
  return [
    set(SERVICE_SETS.restricted, front),
    { ...set(SERVICE_SETS.admitted, [...front, address]), flags: ['interval'] },
  ];
}

const PLAIN_SETS: Readonly<Record<Family, ReadonlyMap<string, NamedSet | NamedMap>>> = {
  4: plainSetsOf(TERMS[4]),
  6: plainSetsOf(TERMS[6]),
};

/** The sets and maps of services whose elements are single values, by name. */
export function plainSets(family: Family): ReadonlyMap<string, NamedSet | NamedMap> {
  return PLAIN_SETS[family];
}

function plainSetsOf(terms: FamilyTerms): ReadonlyMap<string, NamedSet | NamedMap> {
  const all = [...serviceMaps(terms), ...stickyMaps(terms), hairpinSet(terms), ...admissionSets(terms)];
  return new Map(all.filter(({ flags }) => !flags.includes('interval')).map((one) => [one.name, one]));
}

export function set(name: string, key: readonly DataType[]): NamedSet {
  return { name, key, flags: [], elements: [] };
}

export function map(name: string, key: readonly DataType[], value: readonly DataType[]): NamedMap {
  return { name, key, value, flags: [], elements: [] };
}
