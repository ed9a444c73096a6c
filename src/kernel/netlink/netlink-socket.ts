import { constants } from 'node:os';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { finished } from '../finished-steps.ts';
import { checkCall, loadLibc } from '../libc.ts';
import type { NetworkNamespace } from '../network-namespace.ts';
import { systemError } from '../system-error.ts';
import {
  messagesIn,
  NETLINK_FAMILIES,
  type NetlinkFamily,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './message.ts';
import type { MessageBuilder } from './message-builder.ts';
import { messageName } from './message-name.ts';
import { traceMessages } from './message-trace.ts';
import { borrowReceiveBuffer, returnReceiveBuffer } from './receive-buffer.ts';
import { acknowledgedError, decodeAcknowledgement } from './reply.ts';
import {
  bufferSize,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  setBufferSize,
  setNetlinkOption,
  trySetNetlinkOption,
} from './socket-options.ts';

/** `sys/socket.h` */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

/** What `sk_sndbuf` must have beyond the message (`netlink_sendmsg` in net/netlink/af_netlink.c). */
const SEND_OVERHEAD = 32;
const DUMP_ATTEMPTS = 10;

export interface NetlinkSocketOptions {
  /** Where the socket lives; the thread's own namespace unless told otherwise. */
  readonly namespace?: NetworkNamespace;
  /** Bytes; the machine's defaults unless told otherwise. */
  readonly receiveBuffer?: number;
  readonly sendBuffer?: number;
  /** Multicast groups by number. */
  readonly groups?: readonly number[];
  readonly nonBlocking?: boolean;
  /** Lets the kernel filter dumps by what the request's header says, and refuse what it doesn't know; default true. */
  readonly strictChecking?: boolean;
}

/** One message of a request that the kernel refused. */
export interface MessageFailure {
  /** Which, counted from 0 in the builder. */
  readonly index: number;
  readonly error: FlatnetError;
}

/**
 * A netlink socket for requests. The kernel carries a request out while it is being sent, so that all answers wait in the
 * receive buffer when send(2) returns. One request at a time: while an asynchronous one is under way others are refused.
 */
export class NetlinkSocket implements Disposable {
  readonly family: NetlinkFamily;
  readonly fd: number;
  #sendBufferSize: number | undefined;
  #receiveBufferSize: number | undefined;
  #sequence = 1;
  #open = true;
  #busy = false;

  private constructor(family: NetlinkFamily, fd: number) {
    this.family = family;
    this.fd = fd;
  }

  /** @throws FlatnetError with the errno of the system call that failed */
  static open(family: NetlinkFamily, options: NetlinkSocketOptions = {}): NetlinkSocket {
    const libc = loadLibc();
    const type = SOCK_RAW | SOCK_CLOEXEC | (options.nonBlocking === true ? SOCK_NONBLOCK : 0);
    const create = () => libc.socket(AF_NETLINK, type, NETLINK_FAMILIES[family]);
    const fd = checkCall('open netlink socket', options.namespace?.run(create) ?? create(), family);
    try {
      setNetlinkOption(fd, NETLINK_CAP_ACK, 1);
      setNetlinkOption(fd, NETLINK_EXT_ACK, 1);
      if (options.strictChecking !== false) trySetNetlinkOption(fd, NETLINK_GET_STRICT_CHK, 1);
      if (options.sendBuffer !== undefined) setBufferSize(fd, 'send', options.sendBuffer);
      if (options.receiveBuffer !== undefined) setBufferSize(fd, 'receive', options.receiveBuffer);
      const anyPort = Buffer.alloc(12);
      anyPort.writeUInt16LE(AF_NETLINK);
      checkCall('bind netlink socket', libc.bind(fd, anyPort, anyPort.length), family);
      for (const group of options.groups ?? []) setNetlinkOption(fd, NETLINK_ADD_MEMBERSHIP, group);
      return new NetlinkSocket(family, fd);
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  /** Bytes of kernel memory in force. */
  get sendBufferSize(): number {
    this.#sendBufferSize ??= bufferSize(this.fd, 'send');
    return this.#sendBufferSize;
  }

  /** Bytes of kernel memory in force. */
  get receiveBufferSize(): number {
    this.#receiveBufferSize ??= bufferSize(this.fd, 'receive');
    return this.#receiveBufferSize;
  }

  /** The longest request, in bytes, that the send buffer takes. */
  get longestRequest(): number {
    return this.sendBufferSize - SEND_OVERHEAD;
  }

  /** The port that the kernel gave it: `port` of the notifications that its requests cause. */
  portId(): number {
    const address = Buffer.alloc(12);
    const length = Buffer.from([12, 0, 0, 0]);
    checkCall('getsockname', loadLibc().getsockname(this.fd, address, length), this.family);
    return address.readUInt32LE(4);
  }

  /** Sends all messages at once. @throws FlatnetError of the first that the kernel refused */
  request(builder: MessageBuilder): void {
    const [failure] = this.exchange(builder);
    if (failure !== undefined) throw failure.error;
  }

  /** As `request`, off the JavaScript thread; the builder must not be touched until it is done. */
  async requestAsync(builder: MessageBuilder): Promise<void> {
    const [failure] = await this.exchangeAsync(builder);
    if (failure !== undefined) throw failure.error;
  }

  /**
   * Sends all messages at once and collects what the kernel says to them.
   * @param onMessage gets every answer that isn't an acknowledgement; the message is good during the call only
   * @returns the messages that it refused, in their order; the others were carried out, unless they are of a batch that
   *   fails as a whole
   * @throws FlatnetError where the request couldn't be sent (`EMSGSIZE`: see longestRequest) or answers were lost
   */
  exchange(builder: MessageBuilder, onMessage?: (message: NetlinkMessage) => void): MessageFailure[] {
    this.#claim();
    try {
      const stamp = this.#stamp(builder);
      const bytes = builder.bytes();
      const sent = loadLibc().send(this.fd, bytes, bytes.length, 0);
      checkCall(`netlink ${messageName(this.family, stamp.type)}`, sent, `sending ${bytes.length} bytes`);
      return this.#collect(stamp, onMessage);
    } finally {
      this.#release();
    }
  }

  /** As `exchange`, with the kernel's work done off the JavaScript thread; the builder must not be touched until it is done. */
  async exchangeAsync(
    builder: MessageBuilder,
    onMessage?: (message: NetlinkMessage) => void,
  ): Promise<MessageFailure[]> {
    this.#claim();
    try {
      const stamp = this.#stamp(builder);
      const bytes = builder.bytes();
      const errno = await new Promise<number>((resolve) =>
        loadLibc().sendAsync(this.fd, bytes, bytes.length, 0, (failed) => resolve(failed)),
      );
      if (errno !== 0)
        throw systemError(`netlink ${messageName(this.family, stamp.type)}`, errno, `sending ${bytes.length} bytes`);
      return this.#collect(stamp, onMessage);
    } finally {
      this.#release();
    }
  }

  /**
   * Sends a dump request and decodes its answers; begins anew where the table changed under it.
   * @param decode its undefined results are left out
   * @throws FlatnetError `unavailable` where the table kept changing; what the kernel says; what `decode` throws
   */
  dump<Row>(builder: MessageBuilder, decode: (message: NetlinkMessage) => Row | undefined): Row[] {
    return finished(this.dumpSteps(builder, decode));
  }

  /** As `dump`, some of it at a time; the socket is of no other use before its end. What begins anew goes through at once. */
  *dumpSteps<Row>(
    builder: MessageBuilder,
    decode: (message: NetlinkMessage) => Row | undefined,
  ): Generator<void, Row[]> {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const rows: Row[] = [];
      const steps = this.#dumpOnce(builder, rows, decode);
      for (let step = steps.next(); ; step = steps.next()) {
        if (step.done && step.value) return rows;
        if (step.done) break;
        if (attempt === 0) yield;
      }
    }
    throw new FlatnetError({
      operation: 'netlink dump',
      code: 'unavailable',
      message: `the ${this.family} table changed during each of ${DUMP_ATTEMPTS} attempts to read it`,
      remedy: 'try again when fewer changes are being made',
    });
  }

  /** A datagram at a time; false where the dump was interrupted. */
  *#dumpOnce<Row>(
    builder: MessageBuilder,
    rows: Row[],
    decode: (message: NetlinkMessage) => Row | undefined,
  ): Generator<void, boolean> {
    this.#claim();
    const buffer = borrowReceiveBuffer();
    try {
      const stamp = this.#stamp(builder);
      const operation = `netlink ${messageName(this.family, stamp.type)}`;
      checkCall(operation, loadLibc().send(this.fd, builder.bytes(), builder.length, 0));
      let consistent = true;
      let failure: unknown;
      for (;;) {
        const length = this.#receive(buffer);
        if (length === undefined) throw new FlatnetError({ operation, code: 'io', message: 'the dump has no end' });
        for (const message of messagesIn(buffer, length)) {
          if (message.sequence !== stamp.first) continue;
          if ((message.flags & NLM_F_DUMP_INTR) !== 0) consistent = false;
          if (message.type === NLMSG_ERROR) {
            const acknowledgement = decodeAcknowledgement(message);
            if (acknowledgement.errno !== 0) throw acknowledgedError(this.family, acknowledgement);
          } else if (message.type === NLMSG_DONE) {
            const status = message.end - message.start >= 4 ? message.buffer.readInt32LE(message.start) : 0;
            if (failure !== undefined) throw failure;
            if (status < 0) throw systemError(operation, -status);
            return consistent;
          } else if (consistent && failure === undefined) {
            // Whatever happens, the dump is read to its end: the socket refuses another one before.
            try {
              const row = decode(message);
              if (row !== undefined) rows.push(row);
            } catch (error) {
              failure = error;
            }
          }
        }
        yield;
      }
    } finally {
      returnReceiveBuffer(buffer);
      this.#release();
    }
  }

  #claim(): void {
    if (this.#open && !this.#busy) {
      this.#busy = true;
      return;
    }
    throw new FlatnetError({
      operation: 'use netlink socket',
      code: 'unavailable',
      message: this.#open
        ? `a request is under way on this ${this.family} socket`
        : `the ${this.family} socket is closed`,
      remedy: this.#open ? 'wait for it, or use a socket of your own' : 'open a new one',
    });
  }

  #release(): void {
    this.#busy = false;
    if (!this.#open) loadLibc().close(this.fd);
  }

  /** Gives the messages consecutive sequence numbers; `acknowledged` is that of the last which asks for an answer. */
  #stamp(builder: MessageBuilder): Stamp {
    const bytes = builder.bytes();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const first = this.#sequence;
    let acknowledged: number | undefined;
    let offset = 0;
    while (offset < bytes.length) {
      if ((view.getUint16(offset + 6, true) & NLM_F_ACK) !== 0) acknowledged = this.#sequence;
      view.setUint32(offset + 8, this.#sequence, true);
      this.#sequence = (this.#sequence + 1) >>> 0;
      offset += view.getUint32(offset, true);
    }
    traceMessages('>', this.family, bytes, bytes.length);
    return { first, count: builder.count, type: bytes.length < 6 ? 0 : view.getUint16(4, true), acknowledged };
  }

  #collect(stamp: Stamp, onMessage: ((message: NetlinkMessage) => void) | undefined): MessageFailure[] {
    const failures: MessageFailure[] = [];
    let acknowledged = stamp.acknowledged === undefined;
    const buffer = borrowReceiveBuffer();
    try {
      for (let length = this.#receive(buffer); length !== undefined; length = this.#receive(buffer)) {
        for (const message of messagesIn(buffer, length)) {
          const index = (message.sequence - stamp.first) >>> 0;
          if (index >= stamp.count) continue;
          if (message.type !== NLMSG_ERROR) {
            onMessage?.(message);
            continue;
          }
          const acknowledgement = decodeAcknowledgement(message);
          if (acknowledgement.errno !== 0)
            failures.push({ index, error: acknowledgedError(this.family, acknowledgement) });
          else if (message.sequence === stamp.acknowledged) acknowledged = true;
        }
      }
    } finally {
      returnReceiveBuffer(buffer);
    }
    if (!acknowledged && failures.length === 0)
      throw new FlatnetError({
        operation: `netlink ${messageName(this.family, stamp.type)}`,
        code: 'io',
        message: 'the kernel did not acknowledge the request',
      });
    return failures.sort((left, right) => left.index - right.index);
  }

  /**
   * One datagram; its length, or undefined where none waits.
   * @throws FlatnetError `unavailable` (ENOBUFS) where answers were lost for want of room in the receive buffer
   */
  #receive(buffer: Buffer): number | undefined {
    const libc = loadLibc();
    const length = libc.recv(this.fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC);
    if (length < 0) {
      const errno = libc.errno();
      if (errno === constants.errno.EAGAIN) return undefined;
      throw systemError('receive from netlink socket', errno, this.family);
    }
    if (length > buffer.length)
      throw new FlatnetError({
        operation: 'receive from netlink socket',
        code: 'io',
        message: `a datagram of ${length} bytes exceeds the buffer of ${buffer.length}`,
      });
    traceMessages('<', this.family, buffer, length);
    return length;
  }

  /** Ends the socket; a request under way is finished first, since its thread still uses the descriptor. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (!this.#busy) loadLibc().close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface Stamp {
  /** Sequence number of the first message, and how many there are. */
  readonly first: number;
  readonly count: number;
  /** Type of the first message. */
  readonly type: number;
  readonly acknowledged: number | undefined;
}
