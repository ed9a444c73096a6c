import { constants } from 'node:os';
import type { Address } from '../../address/address.ts';
import { type Family, linuxFamily } from '../../address/family.ts';
import { checkCall, loadLibc } from '../../kernel/libc.ts';
import { systemError } from '../../kernel/system-error.ts';
import { bindSocket } from './datagram-socket.ts';
import { MessageHeader } from './message-header.ts';
import { decodeSocketAddress, encodeSocketAddress, type SocketAddress } from './socket-address.ts';
import {
  calls,
  IPV6_V6ONLY,
  MSG_ERRQUEUE,
  queueErrors,
  SO_ERROR,
  SO_LINGER,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IPV6,
  SOL_SOCKET,
  setOption,
} from './socket-calls.ts';

/** Capped by net.core.somaxconn. */
const BACKLOG = 1024;
/** As much of a segment as an ICMP error brings back. */
const LONGEST_REPORT = 1500;

function openStream(family: Family): number {
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  return checkCall('socket', loadLibc().socket(linuxFamily(family), type, 0), `IPv${family} TCP`);
}

/**
 * A listening TCP socket in the namespace that the thread is in; the caller closes the descriptor.
 * @throws FlatnetError with the errno of bind(2) or listen(2)
 */
export function listenStream(
  family: Family,
  bind: { readonly address?: Address; readonly port?: number } = {},
): { readonly fd: number; readonly port: number } {
  const fd = openStream(family);
  try {
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family === 6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1);
    const port = bindSocket(fd, { address: bind.address ?? { family, value: 0n }, port: bind.port ?? 0 });
    checkCall('listen', loadLibc().listen(fd, BACKLOG), `port ${port}`);
    return { fd, port };
  } catch (error) {
    loadLibc().close(fd);
    throw error;
  }
}

/** The next connection of a listening socket, if one is waiting; the caller closes its descriptor. */
export function acceptStream(listener: number): { readonly fd: number; readonly peer: SocketAddress } | undefined {
  const address = new Uint8Array(28);
  const fd = calls.accept4(listener, address, new Uint8Array([28, 0, 0, 0]), SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd < 0 ? undefined : { fd, peer: decodeSocketAddress(address) };
}

export interface ConnectOptions {
  /** Absent: the source that the kernel selects. */
  readonly source?: Address;
  /** Closing it resets the connection, so that thousands of them leave no TIME_WAIT behind. */
  readonly reset: boolean;
  /** Keeps what the network reports for `reportedError`, which must then read it: the descriptor is ready until it does. */
  readonly reports?: boolean;
}

/**
 * Begins to connect in the namespace that the thread is in; the descriptor is writable when it has connected or failed.
 * The caller closes it.
 * @throws FlatnetError with the errno of bind(2) or connect(2)
 */
export function connectStream(to: SocketAddress, { source, reset, reports = false }: ConnectOptions): number {
  const fd = openStream(to.address.family);
  try {
    if (reset) setOption(fd, SOL_SOCKET, SO_LINGER, 1, 0);
    if (reports) queueErrors(fd, to.address.family);
    if (source !== undefined) bindSocket(fd, { address: source, port: 0 });
    const address = encodeSocketAddress(to);
    if (loadLibc().connect(fd, address, address.length) < 0) {
      const errno = loadLibc().errno();
      if (errno !== constants.errno.EINPROGRESS) throw systemError('connect', errno);
    }
    return fd;
  } catch (error) {
    loadLibc().close(fd);
    throw error;
  }
}

/** Shared: every use ends before the next begins. */
let errorMessage: MessageHeader | undefined;

/**
 * What the network reported of a connection that is being made, as a positive errno; 0 where it reported nothing.
 * A report that comes while connect(2) still runs is in the error queue only (`tcp_v4_err` of `net/ipv4/tcp_ipv4.c`):
 * the connection would fail no sooner than at the report on the SYN sent again a second later.
 */
export function reportedError(fd: number): number {
  errorMessage ??= new MessageHeader(LONGEST_REPORT);
  if (calls.recvmsg(fd, errorMessage.prepareReceive(), MSG_ERRQUEUE) < 0) return 0;
  return errorMessage.readControl().errno ?? 0;
}

/** The pending error of a socket, as a positive errno, and clears it; 0 where there is none. */
export function pendingError(fd: number): number {
  const value = new Uint8Array(4);
  loadLibc().getsockopt(fd, SOL_SOCKET, SO_ERROR, value, new Uint8Array([4, 0, 0, 0]));
  return new DataView(value.buffer).getInt32(0, true);
}
