import type { Clock } from '../kube/clock.ts';

export interface ReconcileLoopOptions {
  /** Brings the kernel to what is wanted; called never twice at once. */
  readonly reconcile: (reasons: readonly string[]) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** Milliseconds that triggers are gathered for before a run. */
  readonly gather: number;
  /**
   * Milliseconds between the beginnings of two runs while changes come without end: a cluster that starts has one for
   * every node. Up to twice as many where runs take long.
   */
  readonly spacing: number;
  /** Runs that needn't keep that distance after a time without any: an agent that starts has several things to follow. */
  readonly burst: number;
  /** Milliseconds after which a run takes place without any trigger. */
  readonly resync: number;
  /** Milliseconds before the first retry after a failure; doubles up to `resync`. */
  readonly retry: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Of the time, while changes come without end: on a busy machine runs take long, and there they had better be few. */
const LARGEST_SHARE = 0.1;

/**
 * Runs a level-triggered reconciliation: once at the start, after each trigger (those that come close together cause
 * one run), after a failure with growing pauses, and from time to time in any case. `run` returns when the signal aborts.
 */
export class ReconcileLoop {
  readonly #options: ReconcileLoopOptions;
  #reasons: string[] = ['start'];
  #wake: (() => void) | undefined;

  constructor(options: ReconcileLoopOptions) {
    this.#options = options;
  }

  /** Asks for a run soon; `reason` is for logs. */
  trigger(reason: string): void {
    if (!this.#reasons.includes(reason)) this.#reasons.push(reason);
    this.#wake?.();
  }

  async run(): Promise<void> {
    const { signal, gather, spacing, burst, resync, retry, clock } = this.#options;
    let failures = 0;
    let credit = burst;
    while (!signal.aborted) {
      const startedAt = clock.now();
      failures = (await this.#runOnce()) ? 0 : failures + 1;
      if (signal.aborted) break;
      const apart = Math.min(2 * spacing, Math.max(spacing, (clock.now() - startedAt) / LARGEST_SHARE));
      await this.#sleepOrTrigger(failures === 0 ? resync : Math.min(resync, retry * 2 ** (failures - 1)));
      const remaining = startedAt + apart - clock.now();
      const pause = credit > 0 ? gather : Math.max(gather, remaining);
      // Every span without a run gives one back.
      const earned = remaining > 0 ? -1 : 1 + Math.floor(-remaining / Math.max(apart, gather));
      credit = Math.min(burst, Math.max(0, credit + earned));
      if (!signal.aborted) await clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  async #runOnce(): Promise<boolean> {
    const reasons = this.#reasons.splice(0);
    try {
      await this.#options.reconcile(reasons.length > 0 ? reasons : ['resync']);
      return true;
    } catch (error) {
      this.#options.onError(error);
      return false;
    }
  }

  async #sleepOrTrigger(milliseconds: number): Promise<void> {
    if (this.#reasons.length > 0) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    try {
      await this.#options.clock.sleep(milliseconds, AbortSignal.any([this.#options.signal, woken.signal]));
    } catch {
      // woken by a trigger or told to stop: the caller looks which
    } finally {
      this.#wake = undefined;
    }
  }
}
