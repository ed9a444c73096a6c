import { closeSync, constants, openSync } from 'node:fs';
import { constants as os } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { FlatnetError } from '../error/flatnet-error.ts';
import { loadLibc } from '../kernel/libc.ts';
import { systemError } from '../kernel/system-error.ts';

/** `sys/file.h` */
const LOCK_EX = 2;
const LOCK_NB = 4;

const FIRST_WAIT = 1;
const LONGEST_WAIT = 50;

/**
 * Runs a synchronous action while holding flock(2) exclusively on a file, which is made where it is missing. Other
 * processes hold such a lock for as long as they look through a directory, so that waiting is rare and short.
 * @param timeout milliseconds
 * @throws FlatnetError `timeout` where somebody else keeps it
 */
export async function withFileLock<Result>(file: string, timeout: number, action: () => Result): Promise<Result> {
  const deadline = performance.now() + timeout;
  for (let wait = FIRST_WAIT; ; wait = Math.min(wait * 2, LONGEST_WAIT)) {
    const fd = openSync(file, constants.O_CREAT | constants.O_RDONLY, 0o600);
    try {
      // Closing the descriptor gives the lock back: nothing inherits it, Node opens every file close-on-exec.
      if (tryLock(file, fd)) return action();
    } finally {
      closeSync(fd);
    }
    if (performance.now() > deadline)
      throw new FlatnetError({
        operation: 'lock address store',
        code: 'timeout',
        message: `${file} has been locked by another process for over ${timeout} ms`,
        remedy: `find it with: fuser ${file}`,
      });
    await setTimeout(wait);
  }
}

/** False where another holds it. */
function tryLock(file: string, fd: number): boolean {
  const libc = loadLibc();
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const errno = libc.errno();
  if (errno === os.errno.EWOULDBLOCK || errno === os.errno.EINTR) return false;
  throw systemError('lock address store', errno, file);
}
