import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { CNI_ERROR_CODES, CniError, type CniErrorKind } from './cni-error.ts';

/** Starts a plugin with piped stdin and stdout and exactly this environment. */
export type SpawnPlugin = (executable: string, environment: Readonly<Record<string, string>>) => ChildProcess;

export interface PluginCall {
  readonly executable: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly configuration: unknown;
  readonly spawn?: SpawnPlugin;
  /** Kills the plugin. */
  readonly signal?: AbortSignal;
}

const spawnHere: SpawnPlugin = (executable, env) => spawn(executable, { env, stdio: ['pipe', 'pipe', 'pipe'] });

const errorSchema = v.object({
  code: v.number(),
  msg: v.optional(v.string(), ''),
  details: v.optional(v.string()),
});

/**
 * Runs a plugin once, as the specification says: configuration on stdin, variables in the environment, result on stdout.
 * @returns the JSON value printed, or undefined where nothing was
 * @throws CniError with the code that the plugin gave; `failed` where it gave none
 */
export async function callPlugin(call: PluginCall): Promise<unknown> {
  const child = (call.spawn ?? spawnHere)(call.executable, call.environment);
  const kill = () => child.kill('SIGKILL');
  call.signal?.addEventListener('abort', kill, { once: true });
  try {
    const ended = exitOf(child);
    // A plugin may exit without reading all of its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(JSON.stringify(call.configuration));
    const [output, complaint, status] = await Promise.all([readAll(child.stdout), readAll(child.stderr), ended]);
    call.signal?.throwIfAborted();
    if (status === 0) return output.trim() === '' ? undefined : parseOutput(call, output);
    throw pluginError(call, output, complaint, status);
  } finally {
    call.signal?.removeEventListener('abort', kill);
  }
}

function readAll(stream: ChildProcess['stdout']): Promise<string> {
  return stream === null ? Promise.resolve('') : text(stream);
}

/** The exit status, or the name of the signal that ended it. */
function exitOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve(status ?? signal ?? 'unknown'));
  });
}

function parseOutput(call: PluginCall, output: string): unknown {
  try {
    return JSON.parse(output);
  } catch (cause) {
    throw new CniError('decoding', {
      operation: operationOf(call),
      message: `it printed what is not JSON: ${output.slice(0, 200)}`,
      cause,
    });
  }
}

function pluginError(call: PluginCall, output: string, complaint: string, status: number | string): CniError {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), errorSchema), output);
  if (!parsed.success)
    return new CniError('failed', {
      operation: operationOf(call),
      message: `it ended with ${status}: ${(complaint || output).trim().slice(0, 500)}`,
    });
  const { code, msg, details } = parsed.output;
  return new CniError(kindOfCode(code), {
    operation: operationOf(call),
    message: `code ${code}: ${msg}`,
    ...(details !== undefined && { remedy: details }),
  });
}

function kindOfCode(code: number): CniErrorKind {
  const kinds = Object.keys(CNI_ERROR_CODES) as CniErrorKind[];
  return kinds.find((kind) => CNI_ERROR_CODES[kind] === code) ?? 'failed';
}

function operationOf({ executable, environment }: PluginCall): string {
  return `${environment.CNI_COMMAND} by ${executable}`;
}
