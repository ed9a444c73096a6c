import { randomInt } from 'node:crypto';
import type { ServiceRanges } from './service-ranges.ts';

const RANDOM_TRIES = 32;

/** The node ports that services have, told apart by protocol. */
export class NodePortAllocator {
  readonly #range: ServiceRanges['nodePorts'];
  readonly #owners = new Map<string, string>();

  constructor(range: ServiceRanges['nodePorts']) {
    this.#range = range;
  }

  take(protocol: string, port: number, owner: string): void {
    const key = `${protocol}/${port}`;
    if (!this.#owners.has(key)) this.#owners.set(key, owner);
  }

  release(protocol: string, port: number, owner: string): void {
    const key = `${protocol}/${port}`;
    if (this.#owners.get(key) === owner) this.#owners.delete(key);
  }

  /** Why `owner` can't have the port that it asks for, or undefined. */
  refusal(protocol: string, port: number, owner: string): string | undefined {
    const { first, last } = this.#range;
    if (port < first || port > last)
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    const present = this.#owners.get(`${protocol}/${port}`);
    return present === undefined || present === owner ? undefined : 'provided port is already allocated';
  }

  /** A port that is free for all protocols and not in `except`, or undefined where there is none. */
  pick(protocols: readonly string[], except: ReadonlySet<number>): number | undefined {
    const { first, last } = this.#range;
    const free = (port: number): boolean =>
      !except.has(port) && protocols.every((protocol) => !this.#owners.has(`${protocol}/${port}`));
    for (let tries = 0; tries < RANDOM_TRIES; tries++) {
      const port = randomInt(first, last + 1);
      if (free(port)) return port;
    }
    for (let port = first; port <= last; port++) if (free(port)) return port;
    return undefined;
  }
}
