import { execFile, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Milliseconds that a command may take on a busy machine. */
const PATIENCE = 120_000;

const ROOT = path.resolve(import.meta.dirname, '../..');

/** One kubectl that may be on this machine. */
export interface KubectlBinary {
  readonly version: '1.20' | '1.32';
  /** Undefined where it isn't there. */
  readonly file: string | undefined;
  /** Why tests with it are skipped. */
  readonly missing: string;
}

function executable(candidates: readonly string[]): string | undefined {
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Debian's kubectl, unpacked below .peers, and the newer one on PATH. */
export const KUBECTLS: readonly KubectlBinary[] = [
  {
    version: '1.20',
    file: executable([path.join(ROOT, '.peers/kubernetes-client/usr/bin/kubectl')]),
    missing: "Debian's kubernetes-client is not unpacked in .peers/kubernetes-client",
  },
  {
    version: '1.32',
    file: executable((process.env.PATH ?? '').split(':').map((folder) => path.join(folder, 'kubectl'))),
    missing: 'no kubectl on PATH',
  },
];

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A kubectl with a kubeconfig and a home of its own; `dispose` removes them. */
export class KubectlSession implements AsyncDisposable {
  readonly #file: string;
  readonly #home: string;

  private constructor(file: string, home: string) {
    this.#file = file;
    this.#home = home;
  }

  static async open(file: string, kubeconfig: string): Promise<KubectlSession> {
    const home = await mkdtemp(path.join(tmpdir(), 'flatnet-kubectl-'));
    await writeFile(path.join(home, 'config'), kubeconfig, { mode: 0o600 });
    return new KubectlSession(file, home);
  }

  /** Runs it to its end, for two minutes at most. */
  run(
    options: readonly string[],
    input = '',
    environment: Readonly<Record<string, string>> = {},
  ): Promise<KubectlResult> {
    return new Promise((resolve) => {
      const env = { ...this.#environment(), ...environment };
      const child = execFile(
        this.#file,
        options,
        { env, timeout: PATIENCE, maxBuffer: 1 << 26 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
          resolve({ code, stdout, stderr });
        },
      );
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
    });
  }

  /** Starts it; the caller ends it. @param errors what becomes of its standard error */
  start(options: readonly string[], errors: 'inherit' | 'pipe' = 'inherit'): ReturnType<typeof spawn> {
    return spawn(this.#file, options, { env: this.#environment(), stdio: ['ignore', 'pipe', errors] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }

  #environment(): Record<string, string> {
    return { PATH: process.env.PATH ?? '', HOME: this.#home, KUBECONFIG: path.join(this.#home, 'config'), TZ: 'UTC' };
  }
}
