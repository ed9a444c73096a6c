import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { FlatnetError } from '../error/flatnet-error.ts';
import { replaceFile } from '../kernel/atomic-file.ts';
import { projectDirectory } from '../kernel/project-directory.ts';

const run = promisify(execFile);

const PROJECT = projectDirectory();
const SOURCES = path.join(PROJECT, 'src/cni/shim');
const PROGRAM = 'flatnet-cni.c';
const FREESTANDING = 'freestanding.c';
const SCRIPT = path.join(SOURCES, 'flatnet-cni.cjs');
const FLAGS = ['-std=c11', '-O2', '-s', '-Wall', '-Wextra'];
/** Where a checkout or an image keeps what was built of it, for all hosts of a lab, say. */
const BUILD_DIRECTORY = path.join(PROJECT, 'build');
/**
 * What the shim is linked with, the fastest to start first. Without a C library it starts in a third of the time that a static
 * one takes, but on x86_64 and aarch64 only; a static one takes half of a dynamic one's, and not every machine has it.
 */
export const LINKAGES = ['freestanding', 'static', 'dynamic'] as const;
export type Linkage = (typeof LINKAGES)[number];

const LINKAGE_ARGUMENTS: Readonly<Record<Linkage, readonly string[]>> = {
  freestanding: [
    '-ffreestanding',
    '-nostdlib',
    '-static',
    // What these would want at run time is the C library's: relocation, a thread's secret number, checked twins of functions.
    ...['-fno-pie', '-no-pie', '-fno-stack-protector', '-U_FORTIFY_SOURCE', '-fno-asynchronous-unwind-tables'],
    // One segment for code and constants and one for data: each is a mapping and a page fault at least.
    ...['-Wl,-z,noseparate-code', '-Wl,-z,norelro', '-Wl,-z,noexecstack', '-Wl,--build-id=none'],
    ...[PROGRAM, FREESTANDING],
  ],
  static: ['-static', PROGRAM],
  dynamic: [PROGRAM],
};
const COMPILERS = ['cc', 'gcc', 'clang'];

/** Without a final NUL: `BINPRM_BUF_SIZE` of `linux/binfmts.h`, and what older kernels than 5.1 read of a first line. */
const LONGEST_FIRST_LINE = 127;

export interface ShimOptions {
  /** Where runtimes look for plugins; usually /opt/cni/bin. */
  readonly directory: string;
  /** Where compiled shims are kept, by what they were compiled from, if the folder `build` of this program cannot be written. */
  readonly cacheDirectory: string;
  /** The agent's socket, as the runtime's mount namespace sees it. */
  readonly socket: string;
  /** Seconds that the shim waits for an agent that is away. */
  readonly wait: number;
  /** Of the executable, and the `type` in network configurations. */
  readonly name?: string;
  /** A shim that came built, as in packages and images. */
  readonly prebuilt?: string;
  /** Compilers to try; none: the script is installed. */
  readonly compilers?: readonly string[];
  /** What a compiled shim may be linked with; the first that works is taken. */
  readonly linkages?: readonly Linkage[];
}

export interface InstalledShim {
  readonly kind: 'prebuilt' | 'compiled' | 'script';
  readonly file: string;
}

/** Puts the CNI executable and its settings into a runtime's plugin directory, each by an atomic rename. */
export async function installShim(options: ShimOptions): Promise<InstalledShim> {
  const { directory, name = 'flatnet', socket, wait } = options;
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, name);
  // The settings first: an executable without them would talk to another socket.
  replaceFile(`${file}.conf`, `socket=${socket}\nwait=${formatWait(wait)}\n`);
  const shim = await readShim(options);
  if (!hasContent(file, shim.content)) replaceFile(file, shim.content, { mode: 0o755 });
  return { kind: shim.kind, file };
}

/** The shim reads no exponents, which JavaScript writes below a millionth. */
function formatWait(seconds: number): string {
  return String(Number(seconds.toFixed(3)));
}

/**
 * Makes the shim serve as the `loopback` plugin too, which containerd wants beside every other: where there is none.
 * @returns whether it was missing
 */
export function installLoopback(directory: string, name = 'flatnet'): boolean {
  const file = path.join(directory, 'loopback');
  if (existsSync(file)) return linkTarget(file) === name;
  symlinkSync(name, file);
  return true;
}

/** Removes what installShim and installLoopback put there. */
export function removeShim(directory: string, name = 'flatnet'): void {
  const loopback = path.join(directory, 'loopback');
  if (linkTarget(loopback) === name) rmSync(loopback);
  for (const suffix of ['', '.conf']) rmSync(path.join(directory, `${name}${suffix}`), { force: true });
}

function linkTarget(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}

async function readShim({ prebuilt, compilers, linkages, cacheDirectory }: ShimOptions) {
  if (prebuilt !== undefined) return { kind: 'prebuilt', content: readFileSync(prebuilt) } as const;
  const compiled = await compileShim(cacheDirectory, compilers, linkages);
  if (compiled !== undefined) return { kind: 'compiled', content: readFileSync(compiled) } as const;
  return { kind: 'script', content: Buffer.from(renderScript(readFileSync(SCRIPT, 'utf8'))) } as const;
}

/**
 * The path of the compiled shim; it is compiled where it has not been before. Whoever starts many hosts at once calls this
 * first, lest each of them compile it.
 * @returns undefined where nothing compiles it
 */
export async function compileShim(
  cacheDirectory: string,
  compilers: readonly string[] = COMPILERS,
  linkages: readonly Linkage[] = LINKAGES,
): Promise<string | undefined> {
  const recipes = linkages.map((linkage) => [...FLAGS, ...LINKAGE_ARGUMENTS[linkage]]);
  const hash = createHash('sha256').update(JSON.stringify([recipes, process.arch]));
  for (const source of [PROGRAM, FREESTANDING]) hash.update(readFileSync(path.join(SOURCES, source)));
  const name = `flatnet-cni-${hash.digest('hex').slice(0, 16)}`;
  if (compilers.length === 0) return undefined;
  const folders = [BUILD_DIRECTORY, cacheDirectory];
  const built = folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
  if (built !== undefined) return built;
  const folder = folders.find(isWritable) ?? cacheDirectory;
  const scratch = mkdtempSync(path.join(folder, '.compile-'));
  try {
    const output = path.resolve(scratch, 'flatnet-cni');
    for (const compiler of compilers.filter(isOnPath))
      for (const recipe of recipes)
        if (await compiles(compiler, [...recipe, '-o', output], output)) {
          const file = path.join(folder, name);
          renameSync(output, file);
          return file;
        }
    return undefined;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Whether files can be made in a folder, which is made where it is missing. */
function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether the compiler makes something that runs: it must answer VERSION with no agent there. */
async function compiles(compiler: string, flags: readonly string[], output: string): Promise<boolean> {
  try {
    await run(compiler, [...flags], { cwd: SOURCES });
    chmodSync(output, 0o755);
    const started = run(output, [], { env: { CNI_COMMAND: 'VERSION' } });
    started.child.stdin?.end();
    const { stdout } = await started;
    return stdout.includes('supportedVersions');
  } catch {
    return false;
  }
}

function isOnPath(command: string): boolean {
  return (process.env.PATH ?? '').split(path.delimiter).some((directory) => {
    try {
      accessSync(path.join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The script with this Node in its first line: a runtime's own environment may hold none, or an old one. */
function renderScript(source: string): string {
  const firstLine = `#!${process.execPath}`;
  if (firstLine.length > LONGEST_FIRST_LINE || /\s/.test(process.execPath))
    throw new FlatnetError({
      operation: 'install CNI executable',
      code: 'unsupported',
      message: `the path of Node, ${process.execPath}, cannot stand in the first line of a script`,
      remedy: 'install a C compiler, or Node at a path that is short and holds no spaces',
    });
  return `${firstLine}\n${source}`;
}

function hasContent(file: string, content: Uint8Array): boolean {
  try {
    accessSync(file, constants.X_OK);
    return readFileSync(file).equals(content);
  } catch {
    return false;
  }
}
