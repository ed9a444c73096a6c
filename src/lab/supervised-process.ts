import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface SupervisedProcessOptions {
  /** Appended to; standard output and standard error both. */
  readonly logFile: string;
  /** Starts one instance with its output going to the descriptor. */
  readonly start: (logDescriptor: number) => ChildProcess;
  /** Ends it, and the restarts. */
  readonly signal: AbortSignal;
}

/** Milliseconds, as systemd's RestartSec: short at first, so that a killed agent is back at once. */
const FIRST_RESTART = 100;
const LONGEST_RESTART = 5_000;
/** One that ran as long as this has not failed to start. */
const STEADY = 10_000;

/** A process that is started again whenever it ends, with growing pauses, as a service manager does. */
export class SupervisedProcess {
  readonly #options: SupervisedProcessOptions;
  #child: ChildProcess | undefined;
  #starts = 0;
  /** Resolves when the signal has aborted and the process is gone. */
  readonly ended: Promise<void>;

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
    this.ended = this.#supervise();
  }

  /** Of the present instance; undefined between two. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#options;
    let pause = FIRST_RESTART;
    while (!signal.aborted) {
      const started = performance.now();
      await this.#runOnce();
      if (performance.now() - started > STEADY) pause = FIRST_RESTART;
      await sleep(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, LONGEST_RESTART);
    }
  }

  #runOnce(): Promise<void> {
    const { logFile, start, signal } = this.#options;
    const log = openSync(logFile, 'a');
    this.#starts++;
    return new Promise((resolve) => {
      let child: ChildProcess;
      try {
        child = start(log);
      } catch {
        resolve(); // its host is down, and `signal` about to abort
        return;
      } finally {
        closeSync(log);
      }
      this.#child = child;
      const end = () => {
        signal.removeEventListener('abort', stop);
        this.#child = undefined;
        resolve();
      };
      const stop = () => child.kill('SIGTERM');
      signal.addEventListener('abort', stop, { once: true });
      child.once('exit', end);
      child.once('error', end);
    });
  }
}
