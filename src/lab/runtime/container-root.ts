import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { checkCall, loadLibc } from '../../kernel/libc.ts';
import { inUserNamespace } from '../host-disk.ts';

/** `sys/mount.h` */
const MS_RDONLY = 0x1;
const MS_NOSUID = 0x2;
const MS_NODEV = 0x4;
const MS_REMOUNT = 0x20;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MNT_DETACH = 2;

/** pivot_root(2) has no function in libc; its numbers are those of `asm/unistd.h`. */
const SYS_PIVOT_ROOT = process.arch === 'x64' ? 155 : 41;

/** Directories that a container shares with its host as they are: the kernel's, what is the host's own, and /tmp. */
const SHARED = new Set(['/proc', '/dev', '/sys', '/run', '/etc', '/opt', '/tmp']);

/** Devices of a container, as the OCI runtime specification lists them ("Default Devices"). */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx'];
const DEVICE_LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
] as const;

/** Something of the host that a container sees at a path of its own. */
export interface BindMount {
  /** A file or directory of the host. */
  readonly source: string;
  /** Absolute, in the container. */
  readonly target: string;
  readonly readOnly?: boolean;
}

/**
 * Gives this thread, which must be in a mount namespace of its own, a new root: a small tmpfs that shows the host's
 * files, in which any path can be mounted on. What is this machine's is shown through a layer that takes all writes. A
 * directory of the host's own that lacks a path to be mounted on becomes a tmpfs that shows its entries one by one.
 * @param staging a directory of the host to build it on
 * @param directories paths that the container must have, made where they are missing
 */
export function buildContainerRoot(
  staging: string,
  mounts: readonly BindMount[],
  directories: readonly string[],
): void {
  mkdirSync(staging, { recursive: true });
  const root = new ContainerRoot(staging);
  for (const directory of directories) root.place(directory, 'directory');
  // Places before mounts, since making one may put a tmpfs over others; parents before what lies in them.
  const ordered = mounts.toSorted((left, right) => left.target.length - right.target.length);
  for (const mount of ordered) root.placeOf(mount);
  for (const mount of ordered) root.bind(mount);
  pivotRoot(staging);
}

class ContainerRoot {
  readonly #staging: string;
  /** Directories of the container that are tmpfs of ours, so that entries can be made in them. */
  readonly #own = new Set<string>();
  /** Where volumes are mounted already: what is missing there is made in the volume. */
  readonly #mounted = new Set<string>();

  /** Where mounts of this namespace are, before any of ours. */
  readonly #hostMounts = mountPoints();

  constructor(staging: string) {
    this.#staging = staging;
    mkdirSync(`${staging}.layers`, { recursive: true });
    mount('tmpfs', `${staging}.layers`, 'tmpfs', MS_NOSUID, 'mode=700,size=256m');
    this.#show('/');
    this.#makeDevices();
  }

  /** Makes sure that a mount has something to be mounted on. @returns where that is for now */
  placeOf({ source, target }: BindMount): string {
    const kind = kindOf(source);
    if (kind === undefined)
      throw new FlatnetError({
        operation: 'mount volume',
        code: 'not-found',
        message: `${source} is not on the host`,
        remedy: `make it before the pod starts, or drop the mount at ${target}`,
      });
    return this.place(target, kind === 'directory' ? 'directory' : 'file');
  }

  bind(wanted: BindMount): void {
    const place = this.placeOf(wanted);
    const { source, readOnly = false } = wanted;
    this.#mounted.add(place.slice(this.#staging.length));
    mount(source, place, null, MS_BIND | MS_REC, null);
    // A bind mount takes its flags from a second call only; a user namespace may not take off those that it inherited.
    if (readOnly) mount('none', place, null, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, null);
  }

  /** Makes sure that the container has a path. @returns where it is for now */
  place(target: string, kind: 'directory' | 'file'): string {
    const parts = path.posix.normalize(target).split('/').filter(Boolean);
    let at = '/';
    for (const [index, part] of parts.entries()) {
      const next = this.#resolve(path.posix.join(at, part));
      if (kindOf(this.#staging + next) === undefined) {
        if (!this.#own.has(at) && !this.#isMounted(at)) this.#show(at);
        this.#make(next, index === parts.length - 1 ? kind : 'directory');
      }
      at = next;
    }
    return this.#staging + at;
  }

  /** Follows symbolic links as they will be seen in the container: `/var/run` is `/run`. */
  #resolve(target: string): string {
    for (let links = 0; links < 40; links++) {
      if (kindOf(this.#staging + target) !== 'link') return target;
      const to = path.posix.resolve(path.posix.dirname(target), readlinkSync(this.#staging + target));
      const parent = path.posix.dirname(to);
      target = parent === '/' ? to : path.posix.join(this.#resolve(parent), path.posix.basename(to));
    }
    return target;
  }

  #isMounted(directory: string): boolean {
    return [...this.#mounted].some((mounted) => `${directory}/`.startsWith(`${mounted}/`));
  }

  #make(target: string, kind: 'directory' | 'file'): void {
    const place = this.#staging + target;
    if (kind === 'file') closeSync(openSync(place, 'w'));
    else {
      mkdirSync(place);
      if (!this.#isMounted(target)) this.#own.add(target);
    }
  }

  /** A /dev of its own with the devices that every container has; nothing made in it is left behind. */
  #makeDevices(): void {
    const place = `${this.#staging}/dev`;
    mount('tmpfs', place, 'tmpfs', MS_NOSUID, 'mode=755,size=64m');
    this.#own.add('/dev');
    for (const name of DEVICES) {
      if (kindOf(`/dev/${name}`) === undefined) continue;
      closeSync(openSync(`${place}/${name}`, 'w'));
      mount(`/dev/${name}`, `${place}/${name}`, null, MS_BIND, null);
    }
    mkdirSync(`${place}/pts`);
    mount('/dev/pts', `${place}/pts`, null, MS_BIND | MS_REC, null);
    mkdirSync(`${place}/shm`);
    mount('tmpfs', `${place}/shm`, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=1777,size=64m');
    for (const [name, target] of DEVICE_LINKS) symlinkSync(target, `${place}/${name}`);
  }

  /** Shows a directory of this machine in such a way that what the container writes there ends with it. */
  #layer(directory: string): void {
    const target = this.#staging + directory;
    const layers = `${this.#staging}.layers${directory}`;
    for (const place of [target, `${layers}/upper`, `${layers}/work`]) mkdirSync(place, { recursive: true });
    const options = `lowerdir=${directory},upperdir=${layers}/upper,workdir=${layers}/work`;
    // Within a user namespace overlayfs may only keep its marks in user.* attributes.
    const layered = loadLibc().mount(
      'overlay',
      target,
      'overlay',
      0,
      options + (inUserNamespace() ? ',userxattr' : ''),
    );
    if (layered < 0) {
      // Layers on layers (a container engine's) may be too many for the kernel: then nobody writes there.
      mount(directory, target, null, MS_BIND | MS_REC, null);
      mount('none', target, null, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, null);
      return;
    }
    this.#mounted.add(directory);
    // A layer shows one file system; what is mounted in it, such as the host's own /var/lib, is added.
    for (const mounted of this.#hostMounts)
      if (mounted.startsWith(`${directory}/`) && kindOf(this.#staging + mounted) !== undefined)
        mount(mounted, this.#staging + mounted, null, MS_BIND | MS_REC, null);
  }

  /** Puts a tmpfs in place of a directory that shows the entries which it had. */
  #show(directory: string): void {
    const place = path.posix.join(this.#staging, directory);
    mount('tmpfs', place, 'tmpfs', MS_NOSUID, 'mode=755,size=64m');
    this.#own.add(directory);
    for (const entry of readdirSync(directory)) {
      const source = path.posix.join(directory, entry);
      const target = path.posix.join(place, entry);
      const kind = kindOf(source);
      if (kind === undefined) continue;
      if (kind === 'link') symlinkSync(readlinkSync(source), target);
      else if (kind === 'directory' && directory === '/' && !SHARED.has(source)) this.#layer(source);
      else {
        if (kind === 'directory') mkdirSync(target);
        else closeSync(openSync(target, 'w'));
        mount(source, target, null, MS_BIND | MS_REC, null);
      }
    }
  }
}

/** Mount points that lie in no other but the root, from proc_pid_mountinfo(5). */
function mountPoints(): readonly string[] {
  const text = readFileSync('/proc/thread-self/mountinfo', 'utf8');
  const points = text.split('\n').flatMap((line) => line.split(' ')[4] ?? []);
  const decoded = points.map((point) =>
    point.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
  );
  const unique = [...new Set(decoded)].filter((point) => point !== '/');
  return unique.filter((point) => !unique.some((other) => point.startsWith(`${other}/`)));
}

function kindOf(file: string): 'directory' | 'file' | 'link' | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return found.isSymbolicLink() ? 'link' : found.isDirectory() ? 'directory' : 'file';
}

function mount(source: string, target: string, type: string | null, flags: number, data: string | null): void {
  checkCall('mount', loadLibc().mount(source, target, type, flags, data), `${source} on ${target}`);
}

let pivot: ((number: number, root: string, old: string) => number) | undefined;

/** pivot_root(2), "pivot_root(".", ".")": the old root is stacked on the new one, and taken off it. */
function pivotRoot(root: string): void {
  pivot ??= koffi.load(null).func('syscall', 'int64_t', ['int64_t', 'str', 'str']);
  process.chdir(root);
  checkCall('pivot_root', pivot(SYS_PIVOT_ROOT, '.', '.'), root);
  checkCall('unmount old root', loadLibc().umount2('.', MNT_DETACH));
  process.chdir('/');
}
