import { FlatnetError } from '../../error/flatnet-error.ts';

/** Numbers lent out, the least first that has never been lent; those given back wait for all others. */
export class NumberPool {
  readonly #limit: number;
  readonly #used = new Set<number>();
  readonly #returned: number[] = [];
  #next: number;

  /** Numbers from `first` to below `limit`. */
  constructor(first: number, limit: number) {
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
    throw new FlatnetError({
      operation: 'render services',
      code: 'exhausted',
      message: `all ${this.#limit} numbers are in use`,
    });
  }

  give(number: number): void {
    if (this.#used.delete(number)) this.#returned.push(number);
  }

  #lend(number: number): number {
    this.#used.add(number);
    return number;
  }
}
