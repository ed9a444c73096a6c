import { setImmediate } from 'node:timers';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { checkCall, type DescriptorWatch, loadLibc, watchDescriptor } from '../../kernel/libc.ts';
import { calls } from './socket-calls.ts';

/** epoll's event bits (`sys/epoll.h`). */
export const READABLE = 0x001;
export const WRITABLE = 0x004;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const BATCH = 256;
/** How many events one turn of the event loop may take before others have theirs. */
const TURN = 4096;

/** `struct epoll_event` is packed on x86-64 only. */
const EVENT_SIZE = process.arch === 'x64' ? 12 : 16;
const DATA_OFFSET = EVENT_SIZE - 8;

/** Called with the event bits that are set; bits that nobody asked for (EPOLLERR, EPOLLHUP) may be among them. */
export type ReadyHandler = (events: number) => void;

/**
 * Waits for thousands of sockets, of any network namespace, through one epoll instance on Node's event loop.
 * Descriptors are level-triggered; it doesn't own them: remove one before it is closed.
 */
export class SocketPoller implements Disposable {
  readonly #epoll: number;
  readonly #watch: DescriptorWatch;
  readonly #handlers = new Map<number, ReadyHandler>();
  readonly #events = new DataView(new ArrayBuffer(EVENT_SIZE * BATCH));
  readonly #eventBytes = new Uint8Array(this.#events.buffer);
  readonly #registration = new DataView(new ArrayBuffer(EVENT_SIZE));
  readonly #registrationBytes = new Uint8Array(this.#registration.buffer);
  #closed = false;

  constructor() {
    this.#epoll = checkCall('epoll_create1', calls.epoll_create1(EPOLL_CLOEXEC));
    this.#watch = watchDescriptor(this.#epoll);
    this.#watch.start(() => this.poll());
  }

  /** Calls `handler` whenever one of `events` (READABLE, WRITABLE) holds for the descriptor. */
  add(fd: number, events: number, handler: ReadyHandler): void {
    if (this.#closed)
      throw new FlatnetError({ operation: 'poll socket', code: 'unavailable', message: 'the poller is closed' });
    this.#registration.setUint32(0, events, true);
    this.#registration.setInt32(DATA_OFFSET, fd, true);
    checkCall('epoll_ctl', calls.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, this.#registrationBytes), `fd ${fd}`);
    this.#handlers.set(fd, handler);
  }

  /** Forgets the descriptor; nothing happens where it isn't known. */
  remove(fd: number): void {
    if (!this.#handlers.delete(fd) || this.#closed) return;
    calls.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, fd, null);
  }

  /** Handles what is ready now, without waiting: before a deadline is called missed, for instance. */
  poll(): void {
    for (let handled = 0; handled < TURN && !this.#closed; ) {
      const count = calls.epoll_wait(this.#epoll, this.#eventBytes, BATCH, 0);
      if (count <= 0) return;
      // A handler may poll too and so overwrite the buffer: what was received is copied out first.
      const ready: [number, number][] = [];
      for (let index = 0; index < count; index++) {
        const at = index * EVENT_SIZE;
        ready.push([this.#events.getInt32(at + DATA_OFFSET, true), this.#events.getUint32(at, true)]);
      }
      for (const [fd, events] of ready) this.#handlers.get(fd)?.(events);
      handled += count;
    }
  }

  /** Lets the process end although sockets are still waited for. */
  unref(): void {
    this.#watch.unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handlers.clear();
    this.#watch.close();
    // libuv forgets the descriptor at the end of this turn; closed at once, its number could be somebody else's by then.
    setImmediate(() => loadLibc().close(this.#epoll));
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
