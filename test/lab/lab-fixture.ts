import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const MAIN = path.resolve(import.meta.dirname, '../../bin/flatnet');
/** An ordinary user: nobody. */
const NOBODY = 65534;
/** Milliseconds within which anything happens, however busy the machine. */
const DEADLINE = 300_000;
const POLL = 20;

/** Resolves when `condition` holds. @param within milliseconds @throws Error with `what` after them */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  within = DEADLINE,
): Promise<void> {
  const deadline = performance.now() + within;
  for (;;) {
    const isSo = await condition();
    // programs that are run to their end hold the event loop: it hears now of what has come meanwhile, connections' ends too
    await sleep(isSo ? 0 : POLL);
    if (isSo) return;
    if (performance.now() > deadline) throw new Error(`not within ${within} ms: ${what}`);
  }
}

/** Why labs cannot be started as an ordinary user here; undefined where they can. */
export function ordinaryUserMissing(): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const probe = spawnSync('setpriv', [...dropPrivileges(), 'unshare', '--user', '--map-root-user', 'true']);
  return probe.status === 0 ? undefined : `no ordinary user with user namespaces: ${probe.stderr ?? probe.error}`;
}

function dropPrivileges(): string[] {
  return ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', '--'];
}

/** A user's home and runtime directory, and the program run by that user; all of it gone after the test, labs first. */
export class LabUser {
  readonly directory: string;
  readonly runtime: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #command: readonly string[];
  readonly #labs: StartedLab[] = [];

  /** @param ordinary run as an ordinary user, where the test itself is root */
  constructor(t: TestContext, ordinary = false) {
    this.directory = mkdtempSync(path.join(os.tmpdir(), 'lab-'));
    this.runtime = path.join(this.directory, 'run');
    mkdirSync(this.runtime);
    const drop = ordinary && process.getuid?.() === 0;
    if (drop) for (const made of [this.directory, this.runtime]) chownSync(made, NOBODY, NOBODY);
    chmodSync(this.directory, 0o755);
    this.#environment = { PATH: process.env.PATH, HOME: this.directory, XDG_RUNTIME_DIR: this.runtime };
    this.#command = [...(drop ? ['setpriv', ...dropPrivileges()] : []), process.execPath, MAIN];
    t.after(async () => {
      // hooks run in the order that they were set in: nothing may write there any more
      for (const lab of this.#labs) await lab.end();
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  /** Everything that labs of this user have left in the runtime directory. */
  get leftovers(): string[] {
    for (;;)
      try {
        return readdirSync(this.runtime, { recursive: true }).map(String);
      } catch (error) {
        // a directory that was listed is gone by the time that it is looked into: a lab is being removed
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      }
  }

  /** Runs the program to its end. */
  run(args: readonly string[], input = ''): SpawnSyncReturns<string> {
    const [command = '', ...rest] = [...this.#command, ...args];
    return spawnSync(command, rest, { env: this.#environment, encoding: 'utf8', input });
  }

  /** Starts the program beside the test; its streams are pipes. */
  spawn(args: readonly string[]): ChildProcess {
    const [command = '', ...rest] = [...this.#command, ...args];
    return spawn(command, rest, { env: this.#environment });
  }

  /** Starts a lab of hosts without pods, and waits until its hosts are up and answer. */
  async startBareLab(name = 'default', hosts = 1): Promise<StartedLab> {
    const file = path.join(this.directory, `${name}.yaml`);
    writeFileSync(file, 'apiVersion: flatnet.io/v1\nkind: Lab\nspec: {defaultPods: false}\n');
    return this.startLab(['--name', name, '--hosts', `${hosts}`, '-f', file], name);
  }

  async startLab(args: readonly string[], name = 'default'): Promise<StartedLab> {
    const [command = '', ...rest] = [...this.#command, 'lab', 'up', ...args];
    const keeper = spawn(command, rest, { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
    const lab = new StartedLab(this, keeper, name);
    this.#labs.push(lab);
    await until(`lab ${name} answers`, () => lab.hasEnded || this.run(['lab', 'status', '--name', name]).status === 0);
    if (lab.hasEnded) throw new Error(`the lab has ended: ${lab.output}`);
    return lab;
  }
}

/** A lab in the foreground of a process of its own. */
export class StartedLab {
  readonly user: LabUser;
  readonly keeper: ChildProcess;
  readonly name: string;
  output = '';

  constructor(user: LabUser, keeper: ChildProcess, name: string) {
    this.user = user;
    this.keeper = keeper;
    this.name = name;
    for (const stream of [keeper.stdout, keeper.stderr]) stream?.on('data', (data) => (this.output += data));
  }

  get hasEnded(): boolean {
    return this.keeper.exitCode !== null || this.keeper.signalCode !== null;
  }

  /** Pids, in the test's PID namespace, of unshare and of the lab's init. */
  get unshare(): number {
    return childrenOf(this.keeper.pid ?? 0)[0] ?? 0;
  }

  get init(): number {
    return childrenOf(this.unshare)[0] ?? 0;
  }

  /** A process of the lab by its command line. */
  processWith(words: RegExp): number {
    return this.processes.find((pid) => words.test(commandLine(pid))) ?? 0;
  }

  /** Every living process in the lab's PID namespace. */
  get processes(): number[] {
    const namespace = pidNamespace(this.init);
    return namespace === undefined ? [] : processesIn(namespace);
  }

  exec(where: string, ...command: readonly string[]): SpawnSyncReturns<string> {
    return this.user.run(['lab', 'exec', '--name', this.name, where, '--', ...command]);
  }

  /** Resolves when its nodes and pods are ready. @param within milliseconds */
  async ready(within = DEADLINE): Promise<void> {
    await until('the lab is ready', () => this.hasEnded || this.output.includes('Ctrl-C'), within);
    if (this.hasEnded) throw new Error(`the lab has ended: ${this.output}`);
  }

  async end(): Promise<void> {
    if (!this.hasEnded) this.keeper.kill('SIGTERM');
    await until('the keeper ends', () => this.hasEnded);
  }
}

/** `pid:[4026531836]` of a living process; undefined for one that has ended, be it that nobody has reaped it yet. */
export function pidNamespace(pid: number): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return /^State:\s*[ZX]/m.test(status) ? undefined : readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** The living processes of a PID namespace. */
export function processesIn(namespace: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pidNamespace(pid) === namespace);
}

function childrenOf(pid: number): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number) : [];
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
