import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { ClusterLab } from './cluster-lab.ts';

/** A command of a lab that goes on beside the test. */
export class RunningCommand {
  readonly #child: ChildProcess;
  output = '';

  constructor(t: TestContext, lab: ClusterLab, where: string, ...command: readonly string[]) {
    this.#child = lab.lab.user.spawn(['lab', 'exec', where, '--', ...command]);
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', (data) => (this.output += data));
    t.after(() => this.#child.kill());
  }

  /** Ends its input, and resolves to its exit code. */
  async finish(): Promise<number | null> {
    this.#child.stdin?.end();
    await this.#ended();
    return this.#child.exitCode;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#ended();
  }

  async #ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }
}
