/** Packets that no program would send or get otherwise: frames as they are, and payloads of protocols without sockets. */
import { constants } from 'node:os';
import type { Address } from '../../src/address/address.ts';
import { type Family, linuxFamily } from '../../src/address/family.ts';
import { checkCall, loadLibc } from '../../src/kernel/libc.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { systemError } from '../../src/kernel/system-error.ts';
import { encodeSocketAddress } from '../../src/probe/socket/socket-address.ts';

/** `linux/if_packet.h`, `bits/socket_type.h`. */
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const LONGEST = 65_536;

/** A socket for one protocol number above IP, connected or not. */
export class RawSocket implements Disposable {
  readonly #fd: number;
  readonly #family: Family;
  readonly #data = new Uint8Array(LONGEST);

  /** @param peer whom it sends to and hears from; absent: it hears everybody */
  constructor(namespace: NetworkNamespace, family: Family, protocol: number, peer?: Address) {
    const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.#family = family;
    this.#fd = namespace.run(() => checkCall('socket', loadLibc().socket(linuxFamily(family), type, protocol)));
    if (peer === undefined) return;
    const address = encodeSocketAddress({ address: peer, port: 0 });
    namespace.run(() => checkCall('connect', loadLibc().connect(this.#fd, address, address.length)));
  }

  /** @returns 0, or an errno: also that of an earlier packet */
  send(payload: Uint8Array): number {
    const sent = loadLibc().send(this.#fd, payload, payload.length, 0);
    return sent < 0 ? loadLibc().errno() : 0;
  }

  /** The next packet's payload and, over IPv4, its source; or the errno of a refusal; undefined where nothing waits. */
  receive(): { readonly payload: Uint8Array; readonly source?: Address } | { readonly errno: number } | undefined {
    const length = loadLibc().recv(this.#fd, this.#data, LONGEST, 0);
    if (length < 0) {
      const errno = loadLibc().errno();
      return errno === constants.errno.EAGAIN ? undefined : { errno };
    }
    const packet = this.#data.slice(0, length);
    if (this.#family === 6) return { payload: packet };
    const value = new DataView(packet.buffer).getUint32(12);
    return { payload: packet.subarray(4 * ((packet[0] ?? 0) & 15)), source: { family: 4, value: BigInt(value) } };
  }

  [Symbol.dispose](): void {
    loadLibc().close(this.#fd);
  }
}

/** Sends a whole frame over a link of a namespace. @throws FlatnetError with the errno */
export function sendFrame(namespace: NetworkNamespace, link: number, frame: Uint8Array): void {
  namespace.run(() => {
    const fd = checkCall('socket', loadLibc().socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    try {
      // struct sockaddr_ll: family, protocol, interface index; the rest of it stands in the frame
      const address = new Uint8Array(20);
      const view = new DataView(address.buffer);
      view.setUint16(0, AF_PACKET, true);
      view.setInt32(4, link, true);
      checkCall('bind', loadLibc().bind(fd, address, address.length));
      if (loadLibc().send(fd, frame, frame.length, 0) < 0) throw systemError('send', loadLibc().errno());
    } finally {
      loadLibc().close(fd);
    }
  });
}

/** An Ethernet frame with a UDP datagram over IPv4, without a UDP checksum, which IPv4 allows. */
export function datagramFrame(
  macs: { readonly to: Uint8Array; readonly from: Uint8Array },
  from: { readonly address: Address; readonly port: number },
  to: { readonly address: Address; readonly port: number },
  payload: Uint8Array,
): Uint8Array {
  const ETHERNET = 14;
  const IP = 20;
  const UDP = 8;
  const frame = new Uint8Array(ETHERNET + IP + UDP + payload.length);
  frame.set(macs.to, 0);
  frame.set(macs.from, 6);
  const view = new DataView(frame.buffer);
  view.setUint16(12, 0x0800);
  const header = new DataView(frame.buffer, ETHERNET, IP);
  header.setUint16(0, 0x4500);
  header.setUint16(2, IP + UDP + payload.length);
  header.setUint16(8, (64 << 8) | 17);
  header.setUint32(12, Number(from.address.value));
  header.setUint32(16, Number(to.address.value));
  header.setUint16(10, internetChecksum(header));
  view.setUint16(ETHERNET + IP, from.port);
  view.setUint16(ETHERNET + IP + 2, to.port);
  view.setUint16(ETHERNET + IP + 4, UDP + payload.length);
  frame.set(payload, ETHERNET + IP + UDP);
  return frame;
}

/** RFC 1071, of an even number of bytes. */
export function internetChecksum(bytes: DataView): number {
  let sum = 0;
  for (let at = 0; at < bytes.byteLength; at += 2) sum += bytes.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
