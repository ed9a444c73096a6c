import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { LabProgram } from './lab.ts';
import type { LabHost } from './lab-host.ts';

/** Where a host writes its snapshot, for the lab to read: gone when it is read, or with the host. */
const WRITTEN_ON_HOST = '/run/flatnet-snapshot';

/** The name that the fabric's router has in a snapshot. */
export const FABRIC_HOST = 'fabric';

/** One file of a lab's snapshot. */
export interface CollectedDump {
  /** Below the snapshot's directory, parted by `/`: `node-1/link.json`. */
  readonly file: string;
  readonly text: string;
}

export interface CollectedHost {
  readonly host: LabHost;
  /** The pods on it: `NAMESPACE/NAME` by the name of the handle that the host has on their namespace. */
  readonly pods: ReadonlyMap<string, string>;
}

export interface CollectionOptions {
  readonly program: LabProgram;
  readonly environment: NodeJS.ProcessEnv;
  readonly hosts: readonly CollectedHost[];
  /** A directory of the lab's own, for the fabric's dumps. */
  readonly scratch: string;
  readonly emit: (dump: CollectedDump) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Has every host of a lab write down its state by `flatnet collect`, as one does on machines, and hands on what they wrote, with the
 * pods' namespaces under their names. The fabric's router is one of the hosts: it carries what goes from one to another.
 * @throws FlatnetError `io` where a host can't
 */
export async function collectLab(options: CollectionOptions): Promise<void> {
  const { program, environment, signal, emit } = options;
  const argumentsFor = (directory: string, host: string) => [
    ...program.args,
    'collect',
    '--output',
    directory,
    '--host',
    host,
  ];
  for (const { host, pods } of options.hosts) {
    const child = host.spawn(program.command, argumentsFor(WRITTEN_ON_HOST, host.name), {
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
    });
    await finished(child, host.name);
    const directory = host.path(path.posix.join(WRITTEN_ON_HOST, host.name));
    for (const dump of readDumps(directory))
      await emit({ ...dump, file: `${host.name}/${nameOfPod(dump.file, pods)}` });
    rmSync(host.path(WRITTEN_ON_HOST), { recursive: true, force: true });
  }
  const written = path.join(options.scratch, 'snapshot');
  const router = spawn(program.command, [...argumentsFor(written, FABRIC_HOST), '--without-containers'], {
    cwd: '/',
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
    signal,
  });
  await finished(router, FABRIC_HOST);
  for (const dump of readDumps(path.join(written, FABRIC_HOST)))
    await emit({ ...dump, file: `${FABRIC_HOST}/${dump.file}` });
  rmSync(written, { recursive: true, force: true });
}

/** `netns/HANDLE/link.json` of a pod's namespace is `pods/NAMESPACE/NAME/link.json`. */
function nameOfPod(file: string, pods: ReadonlyMap<string, string>): string {
  const [, handle = '', rest = ''] = /^netns\/([^/]+)\/(.*)$/.exec(file) ?? [];
  const pod = pods.get(handle);
  return pod === undefined ? file : `pods/${pod}/${rest}`;
}

function* readDumps(directory: string): Generator<CollectedDump> {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    yield { file: path.relative(directory, file), text: readFileSync(file, 'utf8') };
  }
}

async function finished(child: ChildProcess, host: string): Promise<void> {
  let said = '';
  child.stderr?.on('data', (data: Buffer) => (said += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return;
  throw new FlatnetError({
    operation: `collect from ${host}`,
    code: 'io',
    message: said.trim() === '' ? 'its collection was ended' : said.trim(),
  });
}
