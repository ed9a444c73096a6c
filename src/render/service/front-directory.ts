import { formatPrefix, type Prefix } from '../../address/prefix.ts';
import { disjointPrefixes } from '../../address/prefix-set.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { Literal } from '../../netfilter/node.ts';
import type { ElementPacker } from '../../netfilter/packed-elements.ts';
import type { ServiceFront } from '../../plan/service/service-plan.ts';
import { prefixLiteral } from '../rule.ts';
import type { ElementChanges } from './element-changes.ts';
import type { ElementCollection } from './element-collection.ts';
import { frontElementKey, portElementKey } from './service-family.ts';
import { SERVICE_SETS } from './service-set.ts';

/** Where a front stands: its map, and its key there. */
export interface FrontPlace {
  readonly map: string;
  readonly key: readonly Literal[];
}

export function placeOf(front: ServiceFront): FrontPlace {
  const { protocol, port } = front;
  const key =
    front.kind === 'address' ? frontElementKey(front.address, protocol, port) : portElementKey(protocol, port);
  return { map: mapOf(front), key };
}

function mapOf(front: ServiceFront): string {
  switch (front.kind) {
    case 'address':
      return front.reach === 'inside' ? SERVICE_SETS.insideFronts : SERVICE_SETS.fronts;
    case 'node-port':
      return nodePortMap(front);
    case 'host-port':
      return SERVICE_SETS.hostPorts;
    default: {
      const never: never = front;
      throw new TypeError(`no such front: ${JSON.stringify(never)}`);
    }
  }
}

/** Equal for fronts that want the same place. */
function placeId(front: ServiceFront): string {
  const { protocol, port } = front;
  return `${mapOf(front)} ${front.kind === 'address' ? front.address.value : ''} ${protocol} ${port}`;
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
  readonly id: string;
  /** Of several services that want one place the first by name has it. */
  claims: readonly Claim[];
  /** As it stands in the maps; absent until it does. */
  shown?: { readonly front: ServiceFront; readonly mark: number };
}

/** The fronts of a family, each in its place. */
export class FrontDirectory {
  readonly #places = new Map<string, ClaimedPlace>();
  readonly #touched = new Set<ClaimedPlace>();
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

  /** A front that a table has already, whoever will claim it. */
  adopt(front: ServiceFront, mark: number): void {
    const id = placeId(front);
    this.#places.set(id, { id, claims: [], shown: { front, mark } });
    this.#restricted += Number(isRestricted(front));
    this.#loopback += Number(isOnLoopback(front));
  }

  /** Gives up what has been adopted and nobody has claimed. */
  forgetUnclaimed(): void {
    for (const place of this.#places.values()) if (place.claims.length === 0) this.#touched.add(place);
  }

  /** Where a front leads to in the maps as they are. */
  markAt(front: ServiceFront): number | undefined {
    return this.#places.get(placeId(front))?.shown?.mark;
  }

  claim(service: string, front: ServiceFront): void {
    const id = placeId(front);
    let place = this.#places.get(id);
    if (place === undefined) {
      place = { id, claims: [] };
      this.#places.set(id, place);
    }
    this.#touched.add(place);
    const claim = { service, front };
    place.claims =
      place.claims.length === 0
        ? [claim]
        : [...place.claims, claim].sort((left, right) => (left.service < right.service ? -1 : 1));
  }

  renounce(service: string, front: ServiceFront): void {
    const place = this.#places.get(placeId(front));
    if (place === undefined) return;
    this.#touched.add(place);
    const index = place.claims.findIndex((claim) => claim.service === service);
    place.claims = place.claims.filter((_, at) => at !== index);
  }

  /** Brings the maps to what has been claimed since this was last called. @param markOf what leads to a pool */
  settle(markOf: (pool: string) => number | undefined, changes: ElementChanges): void {
    for (const place of this.#touched) {
      const front = place.claims[0]?.front;
      const mark = front && markOf(front.pool);
      const next = front !== undefined && mark !== undefined ? { front, mark } : undefined;
      this.#show(place, next, changes);
      if (place.claims.length === 0) this.#places.delete(place.id);
    }
    this.#touched.clear();
  }

  /** Writes all elements of all fronts. */
  write(elements: ElementCollection): void {
    for (const { shown } of this.#places.values())
      if (shown !== undefined) {
        writeFront(shown.front, shown.mark, elements);
        writeAdmission(shown.front, elements);
      }
  }

  #show(place: ClaimedPlace, next: ClaimedPlace['shown'], changes: ElementChanges): void {
    const before = place.shown;
    if (before !== undefined && before.mark !== next?.mark) writeFront(before.front, before.mark, changes.removed);
    if (next !== undefined && before?.mark !== next.mark) writeFront(next.front, next.mark, changes.added);
    if (admissionText(before?.front) !== admissionText(next?.front)) {
      if (before !== undefined) writeAdmission(before.front, changes.removed);
      if (next !== undefined) writeAdmission(next.front, changes.added);
    }
    this.#restricted += Number(isRestricted(next?.front)) - Number(isRestricted(before?.front));
    this.#loopback += Number(isOnLoopback(next?.front)) - Number(isOnLoopback(before?.front));
    if (next === undefined) delete place.shown;
    else place.shown = next;
  }
}

function writeFront(front: ServiceFront, mark: number, elements: ElementCollection): void {
  writeKey(front, elements.to(mapOf(front))).number(mark);
}

function writeKey(front: ServiceFront, row: ElementPacker): ElementPacker {
  if (front.kind === 'address') row.address(front.address);
  return row.number(PROTOCOL_NUMBERS[front.protocol]).number(front.port);
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
  return `restricted ${admittedSources(front).map(formatPrefix).join(' ')}`;
}

function writeAdmission(front: ServiceFront, elements: ElementCollection): void {
  if (front.kind !== 'address' || !isRestricted(front)) return;
  writeKey(front, elements.to(SERVICE_SETS.restricted));
  const { key } = placeOf(front);
  for (const source of admittedSources(front))
    elements.addNode(SERVICE_SETS.admitted, { key: [...key, prefixLiteral(source)] });
}

function admittedSources({ family, sources }: ServiceFront & { kind: 'address' }): readonly Prefix[] {
  return disjointPrefixes((sources ?? []).filter(({ address }) => address.family === family));
}
