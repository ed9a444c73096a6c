import type { Probe } from './pod-spec.ts';

export type ProbeVerdict = 'success' | 'failure';

/** Counts the results of one probe: a verdict changes when enough results in a row contradict it. */
export class ProbeThreshold {
  readonly #success: number;
  readonly #failure: number;
  #verdict: ProbeVerdict | undefined;
  #last: ProbeVerdict | undefined;
  #run = 0;

  /** @param initial the verdict before any result; undefined for one that the first results settle */
  constructor(probe: Probe, initial?: ProbeVerdict) {
    this.#success = probe.successThreshold ?? 1;
    this.#failure = probe.failureThreshold ?? 3;
    this.#verdict = initial;
  }

  get verdict(): ProbeVerdict | undefined {
    return this.#verdict;
  }

  /** Notes a result. @returns the verdict where it has just changed */
  note(result: ProbeVerdict): ProbeVerdict | undefined {
    this.#run = result === this.#last ? this.#run + 1 : 1;
    this.#last = result;
    if (result === this.#verdict || this.#run < (result === 'success' ? this.#success : this.#failure))
      return undefined;
    this.#verdict = result;
    return result;
  }
}

/** Milliseconds, with Kubernetes' defaults. */
export function probeTiming(probe: Probe): {
  readonly delay: number;
  readonly period: number;
  readonly timeout: number;
} {
  return {
    delay: (probe.initialDelaySeconds ?? 0) * 1000,
    period: (probe.periodSeconds ?? 10) * 1000,
    timeout: (probe.timeoutSeconds ?? 1) * 1000,
  };
}
