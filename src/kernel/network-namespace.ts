import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  type Stats,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { FlatnetError } from '../error/flatnet-error.ts';
import { checkCall, loadLibc } from './libc.ts';

/** `linux/sched.h` */
const CLONE_NEWNET = 0x4000_0000;
/** `linux/magic.h` */
const NSFS_MAGIC = 0x6e73_6673;
/** `sys/mount.h` */
const MS_BIND = 4096;
const MNT_DETACH = 2;

const OWN_NAMESPACE = '/proc/thread-self/ns/net';

/** The namespace that this thread is in, except while `run` has it elsewhere. Never closed. */
let current: number | undefined;

function currentDescriptor(): number {
  current ??= openSync(OWN_NAMESPACE, constants.O_RDONLY);
  return current;
}

/** Puts the thread back; in a foreign namespace it would do harm with every next step, so that failing ends the process. */
function returnTo(fd: number): void {
  if (loadLibc().setns(fd, CLONE_NEWNET) < 0) process.abort();
  current = fd;
}

/** @throws NodeJS.ErrnoException where there is nothing at the path */
function isNamespace(file: string): boolean {
  return statfsSync(file).type === NSFS_MAGIC;
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/** Device and inode of the network namespace at a path, without holding it; undefined where there is none. */
export function identifyNamespace(file: string): string | undefined {
  try {
    return isNamespace(file) ? identityOf(statSync(file)) : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

/** Device and inode of the network namespace that the thread is in. */
export function identifyOwnNamespace(): string {
  return identityOf(statSync(OWN_NAMESPACE));
}

/** A handle on a network namespace; while it is open the namespace lives. */
export class NetworkNamespace implements Disposable {
  readonly fd: number;
  /** Tells namespaces of one machine apart: device and inode of its nsfs file. */
  readonly identity: string;
  /** The inode, as `lsns` and `ip netns` tools show it. */
  readonly inode: number;
  #open = true;

  private constructor(fd: number) {
    this.fd = fd;
    const file = fstatSync(fd);
    this.identity = identityOf(file);
    this.inode = file.ino;
  }

  /** Opens one by its path (`/run/netns/NAME`, `/proc/PID/ns/net`). @throws FlatnetError `not-found`, `invalid` */
  static open(file: string): NetworkNamespace {
    let fd: number;
    try {
      if (!isNamespace(file))
        throw new FlatnetError({
          operation: 'open network namespace',
          code: 'not-found',
          message: `${file} is not a namespace: nothing is mounted on it`,
          remedy: 'remove the file; it was left behind by a reboot or by the namespace that went away',
        });
      fd = openSync(file, constants.O_RDONLY);
    } catch (cause) {
      if (cause instanceof FlatnetError) throw cause;
      throw new FlatnetError({
        operation: 'open network namespace',
        code: 'not-found',
        message: `${file} cannot be opened`,
        cause,
      });
    }
    return new NetworkNamespace(fd);
  }

  /** The namespace that the thread is in. */
  static current(): NetworkNamespace {
    return new NetworkNamespace(openSync(OWN_NAMESPACE, constants.O_RDONLY));
  }

  /** Makes a new one, which lives as long as this handle, a process, or a mount holds it. Its loopback is down. */
  static create(): NetworkNamespace {
    const home = currentDescriptor();
    checkCall('create network namespace', loadLibc().unshare(CLONE_NEWNET));
    try {
      return NetworkNamespace.current();
    } finally {
      returnTo(home);
    }
  }

  /**
   * Runs `action` with this thread inside the namespace. What it opens stays there: sockets, children spawned, files
   * of /proc/sys/net. It must be synchronous: anything awaited, and any worker started, would go on elsewhere.
   */
  run<Result>(action: () => Result): Result {
    const home = currentDescriptor();
    checkCall('enter network namespace', loadLibc().setns(this.fd, CLONE_NEWNET));
    current = this.fd;
    let result: Result;
    try {
      result = action();
    } finally {
      returnTo(home);
    }
    if (result instanceof Promise)
      throw new FlatnetError({
        operation: 'run in network namespace',
        code: 'invalid',
        message: 'the action is asynchronous: only what it does before its first await happens in the namespace',
      });
    return result;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Makes a namespace and mounts it on a new file at `file`, as `ip netns add` does. The caller closes the handle. */
export function createNamedNamespace(file: string): NetworkNamespace {
  mkdirSync(path.dirname(file), { recursive: true });
  closeSync(openSync(file, constants.O_CREAT | constants.O_EXCL | constants.O_RDONLY, 0o444));
  let namespace: NetworkNamespace | undefined;
  try {
    namespace = NetworkNamespace.create();
    const source = `/proc/thread-self/fd/${namespace.fd}`;
    checkCall('mount network namespace', loadLibc().mount(source, file, null, MS_BIND, null), file);
    return namespace;
  } catch (error) {
    namespace?.close();
    unlinkSync(file);
    throw error;
  }
}

/** Unmounts and removes what `createNamedNamespace` made; the namespace goes with its last user. */
export function removeNamedNamespace(file: string): void {
  checkCall('unmount network namespace', loadLibc().umount2(file, MNT_DETACH), file);
  unlinkSync(file);
}
