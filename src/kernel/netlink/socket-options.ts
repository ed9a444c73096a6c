import { addressOf, checkCall, loadLibc } from '../libc.ts';

/** `asm-generic/socket.h` */
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

/** `linux/netlink.h` */
const SOL_NETLINK = 270;
export const NETLINK_ADD_MEMBERSHIP = 1;
export const NETLINK_CAP_ACK = 10;
export const NETLINK_EXT_ACK = 11;
export const NETLINK_GET_STRICT_CHK = 12;

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** Sets an option of a netlink socket. @throws FlatnetError */
export function setNetlinkOption(fd: number, option: number, value: number): void {
  checkCall(
    'setsockopt',
    loadLibc().setsockopt(fd, SOL_NETLINK, option, integer(value), 4),
    `netlink option ${option}`,
  );
}

/** As setNetlinkOption, but false in place of an error: for options that an old kernel may lack. */
export function trySetNetlinkOption(fd: number, option: number, value: number): boolean {
  return loadLibc().setsockopt(fd, SOL_NETLINK, option, integer(value), 4) === 0;
}

/** Has the kernel show a program of classic BPF what would be received. @param program its instructions, `count` of them */
export function attachFilter(fd: number, program: Uint8Array, count: number): void {
  // `struct sock_fprog` of linux/filter.h: u16 number of instructions, pointer to them at 8.
  const header = Buffer.alloc(16);
  header.writeUInt16LE(count, 0);
  header.writeBigUInt64LE(addressOf(program), 8);
  checkCall('setsockopt', loadLibc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length), 'filter');
}

/** Asks for a buffer of `bytes`; past the machine's limit only who is root in the first user namespace gets it. */
export function setBufferSize(fd: number, which: 'send' | 'receive', bytes: number): void {
  const libc = loadLibc();
  const [force, plain] = which === 'send' ? [SO_SNDBUFFORCE, SO_SNDBUF] : [SO_RCVBUFFORCE, SO_RCVBUF];
  if (libc.setsockopt(fd, SOL_SOCKET, force, integer(bytes), 4) === 0) return;
  checkCall(
    'setsockopt',
    libc.setsockopt(fd, SOL_SOCKET, plain, integer(bytes), 4),
    `${which} buffer of ${bytes} bytes`,
  );
}

/** The size in force, in bytes of kernel memory: twice what was asked for, or the limit. */
export function bufferSize(fd: number, which: 'send' | 'receive'): number {
  const value = Buffer.alloc(4);
  const option = which === 'send' ? SO_SNDBUF : SO_RCVBUF;
  checkCall('getsockopt', loadLibc().getsockopt(fd, SOL_SOCKET, option, value, integer(4)), `${which} buffer`);
  return value.readInt32LE();
}
