import { constants } from 'node:os';
import type { Address } from '../../address/address.ts';
import { type Family, linuxFamily } from '../../address/family.ts';
import { checkCall, loadLibc } from '../../kernel/libc.ts';
import { MessageHeader } from './message-header.ts';
import { decodeSocketAddress, encodeSocketAddress, formatSocketAddress, type SocketAddress } from './socket-address.ts';
import {
  calls,
  IP_PKTINFO,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  MSG_ERRQUEUE,
  MSG_NOSIGNAL,
  queueErrors,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  setOption,
} from './socket-calls.ts';

export interface Datagram {
  /** Valid until the next call of any datagram socket. */
  readonly data: Uint8Array;
  readonly peer: SocketAddress;
  /** The address that it was sent to. */
  readonly local: Address;
}

/** A datagram that didn't arrive, as the network reported it. */
export interface ReturnedDatagram {
  /** As much of it as came back. */
  readonly data: Uint8Array;
  readonly to: SocketAddress;
  readonly errno: number;
}

const LONGEST = 65536;
/** A pending error fails one call and is gone; more than this many in a row are no pending errors. */
const PENDING_ERRORS = 64;
/** Shared: every use ends before the next begins. */
let shared: MessageHeader | undefined;

function header(): MessageHeader {
  shared ??= new MessageHeader(LONGEST);
  return shared;
}

/** An unconnected, non-blocking UDP socket that tells to which local address each datagram came and which came back. */
export class DatagramSocket implements Disposable {
  readonly fd: number;
  readonly family: Family;
  readonly port: number;
  #open = true;

  /** Opens one in the namespace that the thread is in. Port 0: any. @throws FlatnetError with the errno of bind(2) */
  constructor(family: Family, bind: { readonly address?: Address; readonly port?: number } = {}) {
    this.family = family;
    this.fd = checkCall(
      'socket',
      loadLibc().socket(linuxFamily(family), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
      `IPv${family} UDP`,
    );
    try {
      if (family === 6) this.#set(SOL_IPV6, IPV6_V6ONLY);
      this.#set(family === 4 ? SOL_IP : SOL_IPV6, family === 4 ? IP_PKTINFO : IPV6_RECVPKTINFO);
      checkCall('setsockopt', queueErrors(this.fd, family), `IPv${family} error queue`);
      this.port = bindSocket(this.fd, { address: bind.address ?? { family, value: 0n }, port: bind.port ?? 0 });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #set(level: number, option: number): void {
    checkCall('setsockopt', setOption(this.fd, level, option, 1), `level ${level} option ${option}`);
  }

  /** Sends one datagram, from the local address `from` where given. @returns 0, or the errno of sendmsg(2) */
  send(data: Uint8Array, to: SocketAddress, from?: Address): number {
    const message = header().prepareSend(data, to, from);
    if (calls.sendmsg(this.fd, message, MSG_NOSIGNAL) >= 0) return 0;
    return loadLibc().errno();
  }

  /** The next datagram, if one is waiting. Pending errors are passed over: `returned` tells them. */
  receive(): Datagram | undefined {
    for (let errors = 0; errors < PENDING_ERRORS; errors++) {
      const length = calls.recvmsg(this.fd, header().prepareReceive(), 0);
      if (length >= 0) {
        const { local } = header().readControl();
        if (local !== undefined) return { data: header().data.subarray(0, length), peer: header().peer, local };
      } else if (loadLibc().errno() === constants.errno.EAGAIN) return undefined;
    }
    return undefined;
  }

  /** The next datagram that came back, if there is one. */
  returned(): ReturnedDatagram | undefined {
    const length = calls.recvmsg(this.fd, header().prepareReceive(), MSG_ERRQUEUE);
    if (length < 0) return undefined;
    const { errno = constants.errno.EIO } = header().readControl();
    // Reading the queue leaves the last error pending, and the next send would fail with it.
    loadLibc().getsockopt(this.fd, SOL_SOCKET, SO_ERROR, new Uint8Array(4), new Uint8Array([4, 0, 0, 0]));
    return { data: header().data.subarray(0, length), to: header().peer, errno };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    loadLibc().close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Binds a socket and tells the port that it got. @throws FlatnetError with the errno of bind(2) */
export function bindSocket(fd: number, to: SocketAddress): number {
  const address = encodeSocketAddress(to);
  checkCall('bind', loadLibc().bind(fd, address, address.length), formatBind(to));
  return localEnd(fd).port;
}

function formatBind(to: SocketAddress): string {
  return to.address.value === 0n ? `IPv${to.address.family} port ${to.port}` : formatSocketAddress(to);
}

/** The local end of a socket (getsockname(2)). */
export function localEnd(fd: number): SocketAddress {
  const address = new Uint8Array(28);
  checkCall('getsockname', loadLibc().getsockname(fd, address, new Uint8Array([28, 0, 0, 0])));
  return decodeSocketAddress(address);
}
