import { constants } from 'node:os';
import { type DescriptorWatch, loadLibc, watchDescriptor } from '../libc.ts';
import type { NetworkNamespace } from '../network-namespace.ts';
import { systemError } from '../system-error.ts';
import { messagesIn, type NetlinkFamily, type NetlinkMessage } from './message.ts';
import { traceMessages } from './message-trace.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { ignorePorts } from './port-filter.ts';
import { borrowReceiveBuffer, returnReceiveBuffer } from './receive-buffer.ts';

const MSG_DONTWAIT = 0x40;
/** Room for some ten thousand notifications. */
const RECEIVE_BUFFER = 8 << 20;

export interface NetlinkListenerOptions {
  /** Multicast groups by number. */
  readonly groups: readonly number[];
  readonly namespace?: NetworkNamespace;
  /** Bytes. */
  readonly receiveBuffer?: number;
  /** Notifications that the kernel is not to send at all: caused by these ports' requests, and of no type listed. */
  readonly ignored?: { readonly ports: ReadonlySet<number>; readonly exceptTypes: readonly number[] };
  /** A notification; good during the call only. */
  readonly onMessage: (message: NetlinkMessage) => void;
  /** Notifications were lost: whoever follows the state must read it anew. */
  readonly onOverrun: () => void;
  /** The socket failed and the listener has ended; it doesn't happen in a running kernel. */
  readonly onError?: (error: unknown) => void;
}

/** Listens for a family's multicast notifications from the event loop. Keeps the process alive until closed. */
export class NetlinkListener implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #watch: DescriptorWatch;
  readonly #options: NetlinkListenerOptions;
  #open = true;

  private constructor(family: NetlinkFamily, options: NetlinkListenerOptions) {
    this.#options = options;
    this.#socket = NetlinkSocket.open(family, {
      groups: options.groups,
      nonBlocking: true,
      receiveBuffer: options.receiveBuffer ?? RECEIVE_BUFFER,
      ...(options.namespace !== undefined && { namespace: options.namespace }),
    });
    const { ignored } = options;
    if (ignored !== undefined) ignorePorts(this.#socket.fd, ignored.ports, ignored.exceptTypes);
    this.#watch = watchDescriptor(this.#socket.fd);
    this.#arm();
  }

  static open(family: NetlinkFamily, options: NetlinkListenerOptions): NetlinkListener {
    return new NetlinkListener(family, options);
  }

  /** Lets the process end while this listens. */
  unref(): void {
    this.#watch.unref();
  }

  #arm(): void {
    this.#watch.start((status) => {
      const wasOverrun = this.#drain();
      if (!this.#open) return;
      // A socket error disarms the poll without a word; reading has cleared the error.
      if (status < 0) this.#arm();
      if (wasOverrun) this.#options.onOverrun();
    });
  }

  /** Hands on all that waits; true where something was lost. */
  #drain(): boolean {
    const libc = loadLibc();
    const buffer = borrowReceiveBuffer();
    let wasOverrun = false;
    try {
      while (this.#open) {
        const length = libc.recv(this.#socket.fd, buffer, buffer.length, MSG_DONTWAIT);
        if (length < 0) {
          const errno = libc.errno();
          if (errno === constants.errno.EAGAIN) break;
          if (errno === constants.errno.EINTR) continue;
          if (errno !== constants.errno.ENOBUFS) {
            this.close();
            this.#options.onError?.(systemError('receive netlink notifications', errno));
            break;
          }
          wasOverrun = true;
          continue;
        }
        traceMessages('<', this.#socket.family, buffer, length);
        for (const message of messagesIn(buffer, length)) if (this.#open) this.#options.onMessage(message);
      }
    } finally {
      returnReceiveBuffer(buffer);
    }
    return wasOverrun;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
