import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkCall, loadLibc } from '../kernel/libc.ts';

/** `sys/mount.h` */
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
/** `asm/fcntl.h`: a descriptor that only names a place. */
const O_PATH = 0o10000000;

/** Directories that a host has to itself, over this machine's: what it keeps over a reboot lies in `directory`. */
export interface HostDisk {
  readonly directory: string;
  /** Directories of this machine that must stay visible on the host: the program and the Node that runs it. */
  readonly keep: readonly string[];
}

/** This machine's files with the host's changes over them. */
const LAYERED = ['/etc', '/opt'] as const;
/** The host's alone, kept over a reboot. */
const OWN = ['/etc/cni', '/opt/cni', '/var/lib'] as const;
/** The host's alone, empty after a reboot. */
const VOLATILE = ['/run'] as const;

const nameOf = (target: string) => target.slice(1).replaceAll('/', '-');

/** Lays out a new disk, with `/etc` files by name (`hosts`, `flatnet/agent.yaml`) in it. */
export function createHostDisk(disk: HostDisk, etc: ReadonlyMap<string, string>): void {
  const make = (...parts: string[]) => mkdirSync(path.join(disk.directory, ...parts), { recursive: true });
  for (const target of LAYERED) {
    make(nameOf(target), 'cni');
    make(`${nameOf(target)}.work`);
  }
  for (const target of OWN) make(nameOf(target));
  make('etc-cni', 'net.d');
  make('opt-cni', 'bin');
  for (const [name, content] of etc) {
    make('etc', path.dirname(name));
    writeFileSync(path.join(disk.directory, 'etc', name), content);
  }
}

/** Mounts the host's directories in the calling thread's mount namespace, which must be the host's own already. */
export function mountHostDisk(disk: HostDisk): void {
  for (const target of LAYERED) mountOverlay(target, disk);
  const kept = disk.keep.filter(isHidden).map((directory) => ({
    directory,
    fd: openSync(directory, O_PATH | constants.O_DIRECTORY),
  }));
  for (const target of OWN) bind(path.join(disk.directory, nameOf(target)), target);
  for (const target of VOLATILE) mount('tmpfs', target, 'tmpfs', 0, 'mode=755');
  mkdirSync('/run/netns');
  mkdirSync('/run/lock');
  for (const { directory, fd } of kept) {
    mkdirSync(directory, { recursive: true });
    bind(`/proc/self/fd/${fd}`, directory);
    closeSync(fd);
  }
  // Shows the links of the host's namespace; where a container runtime masks parts of /sys the kernel refuses, and
  // nothing but `ls /sys/class/net` misses it.
  loadLibc().mount('sysfs', '/sys', 'sysfs', 0, null);
}

function isHidden(directory: string): boolean {
  return existsSync(directory) && [...OWN, ...VOLATILE].some((target) => `${directory}/`.startsWith(`${target}/`));
}

function mountOverlay(target: string, disk: HostDisk): void {
  const upper = path.join(disk.directory, nameOf(target));
  // Within a user namespace overlayfs may only keep its marks in user.* attributes.
  const options = `lowerdir=${target},upperdir=${upper},workdir=${upper}.work${inUserNamespace() ? ',userxattr' : ''}`;
  mount('overlay', target, 'overlay', 0, options);
}

function bind(source: string, target: string): void {
  mount(source, target, null, MS_BIND | MS_REC, null);
}

function mount(source: string, target: string, type: string | null, flags: number, data: string | null): void {
  checkCall(
    `mount ${type ?? 'directory'}`,
    loadLibc().mount(source, target, type, flags, data),
    `${source} on ${target}`,
  );
}

/** user_namespaces(7): the first namespace maps every id to itself. */
export function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
}
