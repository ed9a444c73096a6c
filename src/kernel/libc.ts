import { createRequire } from 'node:module';
import { systemError } from './system-error.ts';

type Koffi = typeof import('koffi');

/** Called once with errno 0 and the result, or with the errno of the failed call. */
type AsyncResult = (errno: number, result: number) => void;

/** The C library, as far as it is needed. Every function returns as in its man page, -1 on failure; see `errno`. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  send(fd: number, data: Uint8Array, length: number, flags: number): number;
  recv(fd: number, data: Uint8Array, length: number, flags: number): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  close(fd: number): number;
  setns(fd: number, type: number): number;
  unshare(flags: number): number;
  mount(source: string, target: string, type: string | null, flags: number, data: string | null): number;
  umount2(target: string, flags: number): number;
  flock(fd: number, operation: number): number;
  prctl(option: number, argument: number, third: number, fourth: number, fifth: number): number;
  waitpid(pid: number, status: Uint8Array | null, options: number): number;
  sethostname(name: string, length: number): number;
  ioctl(fd: number, request: number, argument: Uint8Array | null): number;
  /** send(2) off the JavaScript thread; the caller keeps `data` unchanged until `done`. */
  sendAsync(fd: number, data: Uint8Array, length: number, flags: number, done: AsyncResult): void;
  /** errno of this thread's last failed call. */
  errno(): number;
}

/** Watches a descriptor by the event loop (uv_poll). */
export interface DescriptorWatch {
  /** Arms it; `listener` gets a negative status where polling failed and the watch has disarmed itself. */
  start(listener: (status: number) => void): void;
  close(): void;
  unref(): void;
}

let koffi: Koffi | undefined;
let libc: Libc | undefined;

/** koffi is a big native module: a process that never touches the kernel never loads it. */
function loadKoffi(): Koffi {
  koffi ??= createRequire(import.meta.url)('koffi') as Koffi;
  return koffi;
}

/** The C library that this process is linked with. */
export function loadLibc(): Libc {
  libc ??= bindLibc(loadKoffi());
  return libc;
}

function bindLibc(ffi: Koffi): Libc {
  const process = ffi.load(null);
  const send = process.func('int64_t send(int fd, const void *data, size_t length, int flags)');
  return {
    socket: process.func('int socket(int domain, int type, int protocol)'),
    bind: process.func('int bind(int fd, const void *address, uint32_t length)'),
    listen: process.func('int listen(int fd, int backlog)'),
    connect: process.func('int connect(int fd, const void *address, uint32_t length)'),
    send,
    recv: process.func('int64_t recv(int fd, void *data, size_t length, int flags)'),
    setsockopt: process.func('int setsockopt(int fd, int level, int option, const void *value, uint32_t length)'),
    getsockopt: process.func('int getsockopt(int fd, int level, int option, void *value, void *length)'),
    getsockname: process.func('int getsockname(int fd, void *address, void *length)'),
    close: process.func('int close(int fd)'),
    setns: process.func('int setns(int fd, int type)'),
    unshare: process.func('int unshare(int flags)'),
    mount: process.func(
      'int mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data)',
    ),
    umount2: process.func('int umount2(const char *target, int flags)'),
    flock: process.func('int flock(int fd, int operation)'),
    // Variadic in the header; on x86-64 and arm64 Linux its arguments travel as those of any other function.
    prctl: process.func('int prctl(int option, uint64_t argument, uint64_t third, uint64_t fourth, uint64_t fifth)'),
    waitpid: process.func('int waitpid(int pid, void *status, int options)'),
    sethostname: process.func('int sethostname(const char *name, size_t length)'),
    ioctl: process.func('int ioctl(int fd, uint64_t request, void *argument)'),
    sendAsync: (fd, data, length, flags, done) =>
      // koffi carries errno over from the thread that made the call.
      send.async(fd, data, length, flags, (_error: unknown, result: number) =>
        done(result < 0 ? ffi.errno() : 0, result),
      ),
    errno: () => ffi.errno(),
  };
}

/** A function of the C library that not every one has, by its C declaration; undefined where it is missing. */
export function bindOptional(declaration: string): ((...args: readonly (number | bigint)[]) => number) | undefined {
  const library = loadKoffi().load(null);
  try {
    return library.func(declaration);
  } catch {
    return undefined;
  }
}

/** Where bytes lie in memory, for structures that point to them; good as long as they are held. */
export function addressOf(bytes: Uint8Array): bigint {
  return loadKoffi().address(bytes);
}

/** A watch for readability of a descriptor, not yet armed; the caller closes it before the descriptor. */
export function watchDescriptor(fd: number): DescriptorWatch {
  const ffi = loadKoffi();
  let listener: ((status: number) => void) | undefined;
  // koffi's declarations leave out the status that uv_poll's callback gets first.
  const callback = ((status: number) => listener?.(status)) as unknown as Parameters<typeof ffi.node.poll>[1];
  const handle = ffi.node.poll(fd, callback);
  handle.stop();
  return {
    start(next) {
      listener = next;
      handle.start({ readable: true }, callback);
    },
    close() {
      listener = undefined;
      handle.close();
    },
    unref: () => handle.unref(),
  };
}

/** Passes the result of a system call on. @throws FlatnetError with its errno where it is negative */
export function checkCall(operation: string, result: number, detail?: string): number {
  if (result >= 0) return result;
  throw systemError(operation, loadLibc().errno(), detail);
}
