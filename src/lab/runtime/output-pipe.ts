import { closeSync } from 'node:fs';
import net from 'node:net';
import type { Readable } from 'node:stream';
import koffi from 'koffi';
import { checkCall } from '../../kernel/libc.ts';

/** `asm/fcntl.h` */
const O_CLOEXEC = 0o2000000;

let pipe2: ((ends: Int32Array, flags: number) => number) | undefined;

/** A pipe(7) for a child's output. The pipes that child_process makes are sockets, which no /dev/stdout can be opened on. */
export interface OutputPipe {
  readonly output: Readable;
  /** To be given to the child, and closed once it has it. */
  readonly descriptor: number;
  /** Closes our copy of the child's end, so that the output ends with the child. */
  closeDescriptor(): void;
}

/** Opens a pipe. @throws FlatnetError where descriptors have run out */
export function openOutputPipe(): OutputPipe {
  pipe2 ??= koffi.load(null).func('int pipe2(_Out_ int *ends, int flags)');
  const ends = new Int32Array(2);
  checkCall('pipe2', pipe2(ends, O_CLOEXEC));
  const [read = -1, write = -1] = ends;
  let open = true;
  return {
    output: new net.Socket({ fd: read, readable: true, writable: false }),
    descriptor: write,
    closeDescriptor() {
      if (open) closeSync(write);
      open = false;
    },
  };
}
