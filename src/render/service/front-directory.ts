import { formatPrefix } from '../../address/prefix.ts';
import { disjointPrefixes } from '../../address/prefix-set.ts';
import { literalsKey } from '../../netfilter/element-key.ts';
import type { Literal, MapElement, SetElement } from '../../netfilter/node.ts';
import type { ServiceFront } from '../../plan/service/service-plan.ts';
import { numberLiteral, prefixLiteral } from '../rule.ts';
import type { ElementChanges } from './element-changes.ts';
import { frontElementKey, portElementKey } from './service-family.ts';
import { SERVICE_SETS } from './service-set.ts';

/** Where a front stands: its map, and its key there. */
export interface FrontPlace {
  readonly map: string;
  readonly key: readonly Literal[];
}

export function placeOf(front: ServiceFront): FrontPlace {
  const { protocol, port } = front;
  switch (front.kind) {
    case 'address': {
      const map = front.reach === 'inside' ? SERVICE_SETS.insideFronts : SERVICE_SETS.fronts;
      return { map, key: frontElementKey(front.address, protocol, port) };
    }
    case 'node-port':
      return { map: nodePortMap(front), key: portElementKey(protocol, port) };
    case 'host-port':
      return { map: SERVICE_SETS.hostPorts, key: portElementKey(protocol, port) };
    default: {
      const never: never = front;
      throw new TypeError(`no such front: ${JSON.stringify(never)}`);
    }
  }
}

function nodePortMap({ policy, reach }: ServiceFront & { kind: 'node-port' }): string {
  if (policy === 'Cluster') return SERVICE_SETS.nodePorts;
  return reach === 'inside' ? SERVICE_SETS.insideNodePorts : SERVICE_SETS.localNodePorts;
}

interface Claim {
  /** Key of the service in its plan. */
  readonly service: string;
  readonly front: ServiceFront;
}

interface ClaimedPlace {
  /** Of several services that want one place the first by name has it. */
  claims: readonly Claim[];
  /** As it stands in the maps; absent until it does. */
  shown?: { readonly front: ServiceFront; readonly mark: number };
}

/** The fronts of a family, each in its place. */
export class FrontDirectory {
  readonly #places = new Map<string, ClaimedPlace>();
  readonly #touched = new Set<string>();
  #restricted = 0;
  #loopback = 0;

  /** How many fronts are for some sources only. */
  get restricted(): number {
    return this.#restricted;
  }

  /** How many fronts there are that loopback addresses lead to as well. */
  get loopback(): number {
    return this.#loopback;
  }

  get size(): number {
    return this.#places.size;
  }

  claim(service: string, front: ServiceFront): void {
    const id = this.#touch(front);
    const place = this.#places.get(id) ?? { claims: [] };
    this.#places.set(id, place);
    place.claims = [...place.claims, { service, front }].sort((left, right) => (left.service < right.service ? -1 : 1));
  }

  renounce(service: string, front: ServiceFront): void {
    const place = this.#places.get(this.#touch(front));
    if (place === undefined) return;
    const index = place.claims.findIndex((claim) => claim.service === service);
    place.claims = place.claims.filter((_, at) => at !== index);
  }

  /** Brings the maps to what has been claimed since this was last called. @param markOf what leads to a pool */
  settle(markOf: (pool: string) => number | undefined, changes: ElementChanges): void {
    for (const id of this.#touched) {
      const place = this.#places.get(id);
      if (place === undefined) continue;
      const front = place.claims[0]?.front;
      const mark = front && markOf(front.pool);
      const next = front !== undefined && mark !== undefined ? { front, mark } : undefined;
      this.#show(place, next, changes);
      if (place.claims.length === 0) this.#places.delete(id);
    }
    this.#touched.clear();
  }

  /** All elements of all fronts, each with the name of its set. */
  *elements(): Generator<readonly [string, SetElement | MapElement]> {
    for (const { shown } of this.#places.values())
      if (shown !== undefined) {
        yield [placeOf(shown.front).map, markElement(shown.front, shown.mark)];
        yield* admissionElements(shown.front);
      }
  }

  #touch(front: ServiceFront): string {
    const { map, key } = placeOf(front);
    const id = `${map} ${literalsKey(key)}`;
    this.#touched.add(id);
    return id;
  }

  #show(place: ClaimedPlace, next: ClaimedPlace['shown'], changes: ElementChanges): void {
    const before = place.shown;
    if (before !== undefined && before.mark !== next?.mark)
      changes.remove(placeOf(before.front).map, markElement(before.front, before.mark));
    if (next !== undefined && before?.mark !== next.mark)
      changes.add(placeOf(next.front).map, markElement(next.front, next.mark));
    if (admissionText(before?.front) !== admissionText(next?.front)) {
      for (const element of before === undefined ? [] : admissionElements(before.front)) changes.remove(...element);
      for (const element of next === undefined ? [] : admissionElements(next.front)) changes.add(...element);
    }
    this.#restricted += Number(isRestricted(next?.front)) - Number(isRestricted(before?.front));
    this.#loopback += Number(isOnLoopback(next?.front)) - Number(isOnLoopback(before?.front));
    if (next === undefined) delete place.shown;
    else place.shown = next;
  }
}

function markElement(front: ServiceFront, mark: number): MapElement {
  return { key: placeOf(front).key, value: [numberLiteral(mark)] };
}

/** Of the two fronts of an address, one for those inside, the other one says who is let in. */
function isRestricted(front: ServiceFront | undefined): boolean {
  return front?.kind === 'address' && front.reach === 'everyone' && front.sources !== undefined;
}

function isOnLoopback(front: ServiceFront | undefined): boolean {
  if (front?.family !== 4) return false;
  return front.kind !== 'address' || front.address.value >> 24n === 127n;
}

function admissionText(front: ServiceFront | undefined): string {
  if (front?.kind !== 'address' || !isRestricted(front)) return '';
  return `restricted ${front.sources?.map(formatPrefix).join(' ')}`;
}

function admissionElements(front: ServiceFront): readonly (readonly [string, SetElement])[] {
  if (front.kind !== 'address' || !isRestricted(front)) return [];
  const { key } = placeOf(front);
  const sources = (front.sources ?? []).filter(({ address }) => address.family === front.family);
  return [
    [SERVICE_SETS.restricted, { key }],
    ...disjointPrefixes(sources).map(
      (source) => [SERVICE_SETS.admitted, { key: [...key, prefixLiteral(source)] }] as const,
    ),
  ];
}
