import { FlatnetError } from '../../error/flatnet-error.ts';

/** Numbers lent out, the least first that has never been lent; those given back wait for all others. */
export class NumberPool {
  readonly #first: number;
  readonly #limit: number;
  readonly #used = new Set<number>();
  readonly #returned: number[] = [];
  #next: number;

  /** Numbers from `first` to below `limit`. */
  constructor(first: number, limit: number) {
    this.#first = first;
    this.#next = first;
    this.#limit = limit;
  }

  /** @param wanted taken if it is free @throws FlatnetError `exhausted` */
  take(wanted?: number): number {
    if (wanted !== undefined && wanted < this.#limit && !this.#used.has(wanted)) return this.#lend(wanted);
    while (this.#next < this.#limit) {
      const number = this.#next++;
      if (!this.#used.has(number)) return this.#lend(number);
    }
    for (let number = this.#returned.shift(); number !== undefined; number = this.#returned.shift())
      if (!this.#used.has(number)) return this.#lend(number);
    // Last of all those that lie below one that was reserved.
    for (let number = this.#first; number < this.#limit; number++)
      if (!this.#used.has(number)) return this.#lend(number);
    throw new FlatnetError({
      operation: 'render services',
      code: 'exhausted',
      message: `all ${this.#limit} numbers are in use`,
    });
  }

  /** Lends a number that somebody has already, and has those below it wait; false where it is lent. */
  reserve(number: number): boolean {
    if (number < this.#first || number >= this.#limit || this.#used.has(number)) return false;
    this.#next = Math.max(this.#next, number + 1);
    this.#lend(number);
    return true;
  }

  give(number: number): void {
    if (this.#used.delete(number)) this.#returned.push(number);
  }

  #lend(number: number): number {
    this.#used.add(number);
    return number;
  }
}
