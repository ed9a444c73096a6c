import { closeSync, constants, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import tty from 'node:tty';
import { checkCall, loadLibc } from '../kernel/libc.ts';

/** `asm-generic/ioctls.h` */
const TIOCSPTLCK = 0x4004_5431;
const TIOCGPTN = 0x8004_5430;
const TIOCSWINSZ = 0x5414;

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** A pseudo-terminal (pty(7)): a program has its slave as standard streams, and we the other end. */
export interface Terminal {
  /** What the program writes. */
  readonly output: Readable;
  /** What the program reads. */
  readonly input: Writable;
  readonly slave: number;
  /** Closes our copy of the slave, once the program has its own: else its output would never end. */
  closeSlave(): void;
  resize(size: TerminalSize): void;
  /** Hangs up. */
  close(): void;
}

/** Opens a pseudo-terminal. @throws FlatnetError where the system has no more of them */
export function openTerminal(size: TerminalSize): Terminal {
  const flags = constants.O_RDWR | constants.O_NOCTTY;
  const master = openSync('/dev/ptmx', flags);
  let slave: number | undefined;
  try {
    checkCall('unlock terminal', loadLibc().ioctl(master, TIOCSPTLCK, new Uint8Array(4)));
    const number = new Uint32Array(1);
    checkCall('find terminal', loadLibc().ioctl(master, TIOCGPTN, new Uint8Array(number.buffer)));
    slave = openSync(`/dev/pts/${number[0]}`, flags);
    setSize(master, size);
    return terminal(master, slave);
  } catch (error) {
    if (slave !== undefined) closeSync(slave);
    closeSync(master);
    throw error;
  }
}

function terminal(master: number, slave: number): Terminal {
  const stream = new tty.ReadStream(master);
  let open: number | undefined = slave;
  const closeSlave = () => {
    if (open !== undefined) closeSync(open);
    open = undefined;
  };
  return {
    output: stream,
    input: stream,
    slave,
    closeSlave,
    resize: (size) => setSize(master, size),
    close() {
      closeSlave();
      stream.destroy();
    },
  };
}

/** `struct winsize`: rows and columns, then the size in pixels, which nobody asks for. */
function setSize(master: number, { rows, columns }: TerminalSize): void {
  checkCall(
    'set terminal size',
    loadLibc().ioctl(master, TIOCSWINSZ, new Uint8Array(Uint16Array.of(rows, columns, 0, 0).buffer)),
  );
}
