import { setImmediate } from 'node:timers/promises';

/** Milliseconds of a turn that one piece of work may take before others have theirs. */
const LONGEST = 6;

export interface TurnBudgetOptions {
  /** Milliseconds of any clock that never goes back. */
  readonly now?: () => number;
  readonly nextTurn?: () => Promise<unknown>;
}

/**
 * The time that long work may take of a turn of the event loop, however fast this machine and how warm its code. Those who
 * work on several things at once share one.
 */
export class TurnBudget {
  readonly #now: () => number;
  readonly #nextTurn: () => Promise<unknown>;
  #startedAt: number;
  #awaited: Promise<void> | undefined;

  constructor({ now = () => performance.now(), nextTurn = () => setImmediate() }: TurnBudgetOptions = {}) {
    this.#now = now;
    this.#nextTurn = nextTurn;
    this.#startedAt = now();
  }

  /** Lets others have their turn where this one has been long enough. */
  async rest(): Promise<void> {
    if (this.#now() - this.#startedAt >= LONGEST) await this.nextTurn();
  }

  /** Takes steps to their end, in as many turns as that asks for. */
  async run<Result>(steps: Generator<void, Result>): Promise<Result> {
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done) return step.value;
      await this.rest();
    }
  }

  /** Lets others have their turn. All who share this one go on together. */
  nextTurn(): Promise<void> {
    this.#awaited ??= this.#begin();
    return this.#awaited;
  }

  async #begin(): Promise<void> {
    await this.#nextTurn();
    this.#awaited = undefined;
    this.#startedAt = this.#now();
  }
}
