import { closeSync, constants, openSync } from 'node:fs';
import { checkCall, loadLibc } from '../../kernel/libc.ts';

/** Clone flags (`linux/sched.h`), and the files of /proc/PID/ns. For a thread, `pid` is the namespace that its children get. */
const KINDS = {
  mount: { flag: 0x2_0000, file: 'mnt' },
  uts: { flag: 0x400_0000, file: 'uts' },
  ipc: { flag: 0x800_0000, file: 'ipc' },
  pid: { flag: 0x2000_0000, file: 'pid' },
} as const;

export type NamespaceKind = keyof typeof KINDS;

/** `sys/mount.h` */
const MS_REC = 0x4000;
const MS_PRIVATE = 0x4_0000;

/**
 * Runs a synchronous action and puts this thread back into the namespaces of these kinds that it was in; what the action
 * does to them meanwhile is its own. Children that it spawns stay where it was. Only within LabHost.run, which has given
 * the thread a root directory of its own. Where the way back fails the process ends: elsewhere it would do harm.
 */
export function restoringNamespaces<Result>(kinds: readonly NamespaceKind[], action: () => Result): Result {
  const home = kinds.map((kind) => ({
    flag: KINDS[kind].flag,
    fd: openSync(`/proc/thread-self/ns/${KINDS[kind].file}`, constants.O_RDONLY),
  }));
  try {
    return action();
  } finally {
    for (const { fd, flag } of home) {
      if (loadLibc().setns(fd, flag) < 0) process.abort();
      closeSync(fd);
    }
  }
}

/** Takes this thread into new namespaces; mounts made in a new mount namespace are seen nowhere else. */
export function enterNewNamespaces(kinds: readonly NamespaceKind[]): void {
  const flags = kinds.reduce((sum, kind) => sum | KINDS[kind].flag, 0);
  checkCall('unshare', loadLibc().unshare(flags), kinds.join(', '));
  if (kinds.includes('mount'))
    checkCall('make mounts private', loadLibc().mount('none', '/', null, MS_REC | MS_PRIVATE, null));
}

/** Takes this thread into namespaces of a process. @throws FlatnetError `not-found` where it has ended */
export function enterNamespacesOf(pid: number, kinds: readonly NamespaceKind[]): void {
  const opened = kinds.map((kind) => ({
    kind,
    fd: openSync(`/proc/${pid}/ns/${KINDS[kind].file}`, constants.O_RDONLY),
  }));
  try {
    for (const { kind, fd } of opened)
      checkCall(`enter ${kind} namespace`, loadLibc().setns(fd, KINDS[kind].flag), `of process ${pid}`);
  } finally {
    for (const { fd } of opened) closeSync(fd);
  }
}
