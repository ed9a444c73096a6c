import type { ChildProcess } from 'node:child_process';
import diagnostics from 'node:diagnostics_channel';
import { readdirSync, readFileSync } from 'node:fs';
import { loadLibc } from '../kernel/libc.ts';

/** `sys/wait.h` */
const WNOHANG = 1;

/**
 * Reaps the processes that the kernel hands to PID 1 when their parents die, and leaves Node's own children to Node:
 * taking one of theirs would lose its exit code. Must be made before the first child is spawned.
 */
export class OrphanReaper implements Disposable {
  readonly #own = new Set<ChildProcess>();
  #scheduled = false;
  readonly #onSpawn = (message: unknown): void => {
    const child = (message as { readonly process: ChildProcess }).process;
    this.#own.add(child);
    child.once('exit', () => this.#own.delete(child));
    child.once('error', () => child.pid === undefined && this.#own.delete(child));
  };
  readonly #onChild = (): void => {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After Node has heard of its own.
    setImmediate(() => {
      this.#scheduled = false;
      this.reap();
    });
  };

  constructor() {
    diagnostics.subscribe('child_process', this.#onSpawn);
    process.on('SIGCHLD', this.#onChild);
  }

  /** Reaps what is there to reap; the number of them. */
  reap(): number {
    const own = new Set([...this.#own].map(({ pid }) => pid));
    const adopted = childPids().filter((pid) => !own.has(pid));
    return adopted.filter((pid) => loadLibc().waitpid(pid, null, WNOHANG) === pid).length;
  }

  [Symbol.dispose](): void {
    diagnostics.unsubscribe('child_process', this.#onSpawn);
    process.off('SIGCHLD', this.#onChild);
  }
}

/** proc_pid_task_children(5): children hang on the thread that forked them, orphans on any. */
function childPids(): number[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    try {
      const text = readFileSync(`/proc/self/task/${thread}/children`, 'utf8');
      return text.split(' ').filter(Boolean).map(Number);
    } catch {
      return []; // the thread has ended meanwhile
    }
  });
}
