import koffi from 'koffi';
import type { Family } from '../../address/family.ts';
import { loadLibc } from '../../kernel/libc.ts';

/** The socket calls of libc that nothing else in the project needs. They return -1 on failure and set errno. */
interface SocketCalls {
  accept4(fd: number, address: Uint8Array, length: Uint8Array, flags: number): number;
  /** `message` is a `struct msghdr`. */
  sendmsg(fd: number, message: Uint8Array, flags: number): number;
  recvmsg(fd: number, message: Uint8Array, flags: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Uint8Array | null): number;
  epoll_wait(epoll: number, events: Uint8Array, maximum: number, timeout: number): number;
}

const process = koffi.load(null);

/** Bindings of the calls above; each takes about 0.3 µs more than the call itself. */
export const calls: SocketCalls = {
  accept4: process.func('int accept4(int fd, void *address, void *length, int flags)'),
  sendmsg: process.func('int64_t sendmsg(int fd, const void *message, int flags)'),
  recvmsg: process.func('int64_t recvmsg(int fd, void *message, int flags)'),
  epoll_create1: process.func('int epoll_create1(int flags)'),
  epoll_ctl: process.func('int epoll_ctl(int epoll, int operation, int fd, const void *event)'),
  epoll_wait: process.func('int epoll_wait(int epoll, void *events, int maximum, int timeout)'),
};

/** `asm-generic/socket.h`, `netinet/in.h` of Linux. */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_LINGER = 13;
export const SOL_IP = 0;
export const IP_PKTINFO = 8;
export const IP_RECVERR = 11;
export const SOL_IPV6 = 41;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_HOPLIMIT = 52;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_NOSIGNAL = 0x4000;

/** Sets an option whose value is an int, or several (`struct linger`). @returns 0, or -1 with errno set */
export function setOption(fd: number, level: number, option: number, ...values: readonly number[]): number {
  const bytes = new Uint8Array(Int32Array.from(values).buffer);
  return loadLibc().setsockopt(fd, level, option, bytes, bytes.length);
}

/** Keeps what the network reports of a socket's packets in its error queue. @returns 0, or -1 with errno set */
export function queueErrors(fd: number, family: Family): number {
  return family === 4 ? setOption(fd, SOL_IP, IP_RECVERR, 1) : setOption(fd, SOL_IPV6, IPV6_RECVERR, 1);
}

/** Where koffi's callee finds the bytes: their buffer must outlive the call. */
export function pointerTo(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}
