import { constants } from 'node:os';
import type { Address } from '../../src/address/address.ts';
import { FAMILIES, type Family, linuxFamily } from '../../src/address/family.ts';
import { PROTOCOL_NUMBERS } from '../../src/address/protocol.ts';
import { checkCall, loadLibc } from '../../src/kernel/libc.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { bindSocket } from '../../src/probe/socket/datagram-socket.ts';
import { MessageHeader } from '../../src/probe/socket/message-header.ts';
import {
  calls,
  IP_PKTINFO,
  IPV6_RECVPKTINFO,
  pointerTo,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  setOption,
} from '../../src/probe/socket/socket-calls.ts';
import { PORTS } from './site-plan.ts';
import { type Decoded, decodePacket, decodeTransport } from './wire.ts';

/** `asm-generic/socket.h`, `linux/in.h`, `linux/in6.h`. */
const SOCK_RAW = 3;
const SO_MARK = 36;
const SO_ATTACH_FILTER = 26;
const IPPROTO_RAW = 255;
const IPV6_RECVHOPLIMIT = 51;
const IPV6_FREEBIND = 78;
const LONGEST = 65536;

let shared: MessageHeader | undefined;

/**
 * Sends packets of any kind from a namespace, and hears all that are delivered there: raw sockets see a packet when it has
 * passed the input hook. Its ports take packets and say nothing: a filter that drops everything sits on each.
 */
export class RawStation implements Disposable {
  readonly #senders: Readonly<Record<Family, number>>;
  /** By descriptor, what is heard there. */
  readonly listeners: ReadonlyMap<number, { readonly family: Family; readonly protocol: number }>;
  readonly #others: readonly number[];
  #mark = 0;

  constructor(namespace: NetworkNamespace) {
    const opened = namespace.run(() => ({
      senders: { 4: openRaw(4, IPPROTO_RAW), 6: openRaw(6, IPPROTO_RAW) },
      listeners: FAMILIES.flatMap((family) =>
        [PROTOCOL_NUMBERS.tcp, PROTOCOL_NUMBERS.udp, PROTOCOL_NUMBERS[family === 4 ? 'icmp' : 'icmpv6']].map(
          (protocol) => [openRaw(family, protocol), { family, protocol }] as const,
        ),
      ),
      others: PORTS.flatMap((port) => [openSink(SOCK_STREAM, port), openSink(SOCK_DGRAM, port)]),
    }));
    this.#senders = opened.senders;
    this.listeners = new Map(opened.listeners);
    this.#others = opened.others;
    setOption(this.#senders[4], SOL_IP, IP_PKTINFO, 0);
    checkCall('setsockopt', setOption(this.#senders[6], SOL_IPV6, IPV6_FREEBIND, 1), 'IPV6_FREEBIND');
    for (const [fd, { family }] of this.listeners)
      if (family === 6) {
        checkCall('setsockopt', setOption(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1), 'IPV6_RECVPKTINFO');
        checkCall('setsockopt', setOption(fd, SOL_IPV6, IPV6_RECVHOPLIMIT, 1), 'IPV6_RECVHOPLIMIT');
      }
  }

  /** Sends a packet that has its IP header. @returns 0, or the errno of sendmsg(2) */
  send(bytes: Uint8Array, source: Address, destination: Address, mark: number): number {
    shared ??= new MessageHeader(LONGEST);
    const fd = this.#senders[source.family];
    if (mark !== this.#mark) {
      for (const sender of Object.values(this.#senders)) setOption(sender, SOL_SOCKET, SO_MARK, mark);
      this.#mark = mark;
    }
    const message = shared.prepareSend(bytes, { address: destination, port: 0 }, source);
    return calls.sendmsg(fd, message, 0) >= 0 ? 0 : loadLibc().errno();
  }

  /** The next packet that a listener has heard; undefined where there is none. */
  hear(fd: number): Decoded | undefined {
    shared ??= new MessageHeader(LONGEST);
    const heard = this.listeners.get(fd);
    if (heard === undefined) return undefined;
    for (let attempts = 0; attempts < 100; attempts++) {
      const length = calls.recvmsg(fd, shared.prepareReceive(), 0);
      if (length < 0) {
        if (loadLibc().errno() === constants.errno.EAGAIN) return undefined;
        continue;
      }
      const bytes = shared.data.subarray(0, length);
      const decoded = heard.family === 4 ? decodePacket(bytes) : decodeSix(bytes, heard.protocol, shared);
      if (decoded !== undefined) return decoded;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    for (const fd of [...Object.values(this.#senders), ...this.listeners.keys(), ...this.#others]) loadLibc().close(fd);
  }
}

function decodeSix(bytes: Uint8Array, protocol: number, message: MessageHeader): Decoded | undefined {
  const { local, hopLimit = 0 } = message.readControl();
  if (local === undefined || bytes.length < 8) return undefined;
  const { address: source } = message.peer;
  const length = 40 + bytes.length;
  return decodeTransport(bytes, { source, destination: local, protocol, hopLimit, length, dontFragment: false });
}

function openRaw(family: Family, protocol: number): number {
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  return checkCall('socket', loadLibc().socket(linuxFamily(family), type, protocol), `raw, protocol ${protocol}`);
}

/** A socket that takes everything at a port, of both families, and passes it on to nobody. */
function openSink(type: number, port: number): number {
  const fd = checkCall('socket', loadLibc().socket(linuxFamily(6), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // BPF_RET | BPF_K with 0: of every packet nothing is kept.
  const filter = Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0);
  const program = new DataView(new ArrayBuffer(16));
  program.setUint16(0, 1, true);
  program.setBigUint64(8, pointerTo(filter), true);
  const bytes = new Uint8Array(program.buffer);
  checkCall('setsockopt', loadLibc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, bytes, bytes.length), 'filter');
  bindSocket(fd, { address: { family: 6, value: 0n }, port });
  if (type === SOCK_STREAM) checkCall('listen', loadLibc().listen(fd, 8));
  return fd;
}
