import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FlatnetError } from '../error/flatnet-error.ts';
import { loadLibc } from '../kernel/libc.ts';
import { LONGEST_SOCKET_PATH } from '../kernel/socket-path.ts';

/** flock(2) */
const LOCK_EX = 2;
const LOCK_NB = 4;

const NAME = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** The directory of one lab, under the user's runtime directory: its socket, its kubeconfig, its logs. */
export interface LabDirectory {
  readonly name: string;
  readonly path: string;
  readonly controlSocket: string;
  readonly kubeconfig: string;
  /** Of the lab itself, `lab.log`, and of each host's processes, `HOST.PROCESS.log`. */
  readonly logs: string;
  /** Where the lab mounts the disks of its hosts, in its own mount namespace only. */
  readonly disks: string;
  readonly lock: string;
}

/** Where a user's labs are: `$XDG_RUNTIME_DIR/flatnet/labs`, or `~/.flatnet/labs` where there is no runtime directory. */
export function labsDirectory(environment: NodeJS.ProcessEnv): string {
  const runtime = environment.XDG_RUNTIME_DIR;
  const usable = runtime !== undefined && path.isAbsolute(runtime) && existsSync(runtime);
  return usable ? path.join(runtime, 'flatnet', 'labs') : path.join(os.homedir(), '.flatnet', 'labs');
}

/** The directory of a lab, which need not be there. @throws FlatnetError `usage` for a name that cannot be one */
export function labDirectory(name: string, environment: NodeJS.ProcessEnv): LabDirectory {
  if (!NAME.test(name))
    throw new FlatnetError({
      operation: 'find lab',
      code: 'usage',
      message: `${JSON.stringify(name)} is no name for a lab`,
      remedy: 'use at most 32 lower-case letters, digits and dashes, with a letter or digit at either end',
    });
  const directory = path.join(labsDirectory(environment), name);
  const controlSocket = path.join(directory, 'control.sock');
  if (Buffer.byteLength(controlSocket) > LONGEST_SOCKET_PATH)
    throw new FlatnetError({
      operation: 'find lab',
      code: 'invalid',
      message: `the path of its socket, ${controlSocket}, is longer than ${LONGEST_SOCKET_PATH} bytes`,
      remedy: 'set XDG_RUNTIME_DIR to a directory with a shorter path',
    });
  return {
    name,
    path: directory,
    controlSocket,
    kubeconfig: path.join(directory, 'kubeconfig'),
    logs: path.join(directory, 'logs'),
    disks: path.join(directory, 'disks'),
    lock: path.join(directory, 'lock'),
  };
}

/** The labs that have a directory, running or not. */
export function listLabs(environment: NodeJS.ProcessEnv): string[] {
  const directory = labsDirectory(environment);
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}

/**
 * Makes the directory, for its owner only, and locks it; the lock lasts until every process that inherited the
 * descriptor has ended. What a lab that died with all its keepers left behind is removed first.
 * @returns the descriptor that holds the lock
 * @throws FlatnetError `conflict` where a lab of that name is running
 */
export function claimLabDirectory(directory: LabDirectory): number {
  for (;;) {
    mkdirSync(directory.path, { recursive: true, mode: 0o700 });
    const fd = openSync(directory.lock, constants.O_CREAT | constants.O_RDWR, 0o600);
    if (loadLibc().flock(fd, LOCK_EX | LOCK_NB) < 0) {
      closeSync(fd);
      throw new FlatnetError({
        operation: 'start lab',
        code: 'conflict',
        message: `a lab named ${directory.name} is running`,
        remedy: `end it with: flatnet lab down --name ${directory.name}; or choose another --name`,
      });
    }
    const stale = readdirSync(directory.path).length > 1;
    if (!stale && existsSync(directory.lock)) {
      for (const part of [directory.logs, directory.disks]) mkdirSync(part, { mode: 0o700 });
      return fd;
    }
    removeLabDirectory(directory);
    closeSync(fd);
  }
}

/**
 * Removes the directory and lets go of its lock. Where it has been removed before, somebody else may have claimed it since:
 * then it stays.
 * @param lock as claimLabDirectory returned it
 */
export function releaseLabDirectory(directory: LabDirectory, lock: number): void {
  const present = statSync(directory.lock, { throwIfNoEntry: false });
  if (present === undefined || present.ino === fstatSync(lock).ino) removeLabDirectory(directory);
  closeSync(lock);
}

/** Removes the directory, and those above it that are empty then. */
export function removeLabDirectory(directory: LabDirectory): void {
  rmSync(directory.path, { recursive: true, force: true });
  for (const parent of [path.dirname(directory.path), path.dirname(path.dirname(directory.path))]) {
    try {
      rmdirSync(parent);
    } catch {
      return; // another lab is in it
    }
  }
}
