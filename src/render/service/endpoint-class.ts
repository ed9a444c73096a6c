import type { TransportProtocol } from '../../address/protocol.ts';
import { NumberPool } from './number-pool.ts';
import { CLASS_LIMIT } from './service-mark.ts';

/** What the choice of an endpoint depends on besides the pool: a chain each. */
export interface EndpointClass {
  readonly protocol: TransportProtocol;
  /** Endpoints in a pool of this class. */
  readonly count: number;
  readonly affinity?: Affinity;
}

/** Of pools whose clients come back to the same endpoint. */
export interface Affinity {
  /** Seconds without a new connection after which a client is free again. */
  readonly timeout: number;
  /** How many of the lower bits of a member's number tell it from the others of its pool. */
  readonly memberBits: number;
}

/** The classes of pools without endpoints. */
export const REFUSED_CLASS = 1;
export const DROPPED_CLASS = 2;
const FIRST_CLASS = 16;

/** Name of the chain of a class: `tcp-3`, `tcp-3-sticky-10800-of-32`. */
export function className({ protocol, count, affinity }: EndpointClass): string {
  return `${protocol}-${count}${affinity === undefined ? '' : `-sticky-${affinityName(affinity)}`}`;
}

/** What className has made a name of; undefined for the names of other chains. */
export function parseClassName(name: string): EndpointClass | undefined {
  const [, protocol, count, timeout, members] = /^(tcp|udp|sctp)-(\d+)(?:-sticky-(\d+)-of-(\d+))?$/.exec(name) ?? [];
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') return undefined;
  const affinity = { timeout: Number(timeout), memberBits: Math.log2(Number(members)) };
  return { protocol, count: Number(count), ...(timeout !== undefined && { affinity }) };
}

/** Timeout in seconds, and how many members a pool may have: `10800-of-32`. */
export function affinityName({ timeout, memberBits }: Affinity): string {
  return `${timeout}-of-${2 ** memberBits}`;
}

/** A class in use. */
export interface NumberedClass extends EndpointClass {
  readonly number: number;
}

interface UsedClass extends NumberedClass {
  uses: number;
}

/** The classes in use and their numbers. */
export class ClassDirectory {
  readonly #classes = new Map<string, UsedClass>();
  readonly #numbers = new NumberPool(FIRST_CLASS, CLASS_LIMIT);
  #version = 0;
  /** Those of a table that was there before us. */
  readonly #held: EndpointClass[] = [];

  /** Keeps a class of a table that was there before us, until nothing in there can be of it any more. */
  hold(found: EndpointClass, number: number): void {
    const name = className(found);
    if (this.#classes.has(name) || !this.#numbers.reserve(number)) return;
    this.#version++;
    this.#classes.set(name, { ...found, number, uses: 1 });
    this.#held.push(found);
  }

  /** Lets go of those that only the table held. */
  releaseHeld(): void {
    for (const held of this.#held.splice(0)) this.release(held);
  }

  /** A class and its number, for one pool more. @throws FlatnetError `exhausted` */
  acquire(wanted: EndpointClass): NumberedClass {
    const name = className(wanted);
    const known = this.#classes.get(name);
    if (known !== undefined) {
      known.uses++;
      return known;
    }
    const number = this.#numbers.take();
    this.#version++;
    const taken = { ...wanted, number, uses: 1 };
    this.#classes.set(name, taken);
    return taken;
  }

  /** Tells that one pool less is of a class. */
  release(left: EndpointClass): void {
    const name = className(left);
    const known = this.#classes.get(name);
    if (known === undefined || --known.uses > 0) return;
    this.#classes.delete(name);
    this.#version++;
    this.#numbers.give(known.number);
  }

  /** Differs once a class has come or gone. */
  get version(): number {
    return this.#version;
  }

  *[Symbol.iterator](): Generator<NumberedClass> {
    yield* this.#classes.values();
  }
}
