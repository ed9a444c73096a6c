import { type Address, addressFromBytes, addressToBytes } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { decodeSocketAddress, encodeSocketAddress, type SocketAddress } from './socket-address.ts';
import {
  IP_PKTINFO,
  IP_RECVERR,
  IPV6_HOPLIMIT,
  IPV6_PKTINFO,
  IPV6_RECVERR,
  pointerTo,
  SOL_IP,
  SOL_IPV6,
} from './socket-calls.ts';

/** sizeof(struct msghdr) on 64-bit Linux: name, its length, iov, its length, control, its length, flags. */
const HEADER_SIZE = 56;
const NAME_SIZE = 28;
const CONTROL_SIZE = 256;
/** sizeof(struct cmsghdr): length (8), level, type. */
const CONTROL_HEADER = 16;

/** What the control messages of a received datagram say. */
export interface ControlData {
  /** The address that the datagram was sent to. */
  readonly local?: Address;
  /** errno of a datagram that came back (`struct sock_extended_err`). */
  readonly errno?: number;
  /** Of an IPv6 packet, where the socket asks for it (IPV6_RECVHOPLIMIT). */
  readonly hopLimit?: number;
}

/**
 * A `struct msghdr` with the buffers it points to, made once and used for every sendmsg and recvmsg: name, one data
 * buffer and control messages for packet information and the error queue.
 */
export class MessageHeader {
  /** The struct itself, to be handed to the call. */
  readonly bytes = new Uint8Array(HEADER_SIZE);
  readonly data: Uint8Array;
  readonly #header = new DataView(this.bytes.buffer);
  readonly #name = new Uint8Array(NAME_SIZE);
  readonly #control = new DataView(new ArrayBuffer(CONTROL_SIZE));
  readonly #controlBytes = new Uint8Array(this.#control.buffer);
  readonly #vector = new DataView(new ArrayBuffer(16));
  readonly #vectorBytes = new Uint8Array(this.#vector.buffer);

  /** @param size bytes of the longest datagram that will be sent or received through it */
  constructor(size: number) {
    this.data = new Uint8Array(size);
    this.#vector.setBigUint64(0, pointerTo(this.data), true);
    this.#header.setBigUint64(0, pointerTo(this.#name), true);
    this.#header.setBigUint64(16, pointerTo(this.#vectorBytes), true);
    this.#header.setBigUint64(24, 1n, true);
    this.#header.setBigUint64(32, pointerTo(this.#controlBytes), true);
  }

  /** Makes it ready for recvmsg. */
  prepareReceive(): Uint8Array {
    this.#header.setUint32(8, NAME_SIZE, true);
    this.#header.setBigUint64(40, BigInt(CONTROL_SIZE), true);
    this.#vector.setBigUint64(8, BigInt(this.data.length), true);
    return this.bytes;
  }

  /** Makes it ready for sendmsg of `data` to `to`, from the local address `from` where given. */
  prepareSend(data: Uint8Array, to: SocketAddress, from: Address | undefined): Uint8Array {
    const name = encodeSocketAddress(to);
    this.#name.set(name);
    this.#header.setUint32(8, name.length, true);
    this.data.set(data);
    this.#vector.setBigUint64(8, BigInt(data.length), true);
    this.#header.setBigUint64(40, BigInt(from === undefined ? 0 : this.#putPacketInformation(from)), true);
    return this.bytes;
  }

  /** Who sent what recvmsg has just received; for the error queue, where it had been sent. */
  get peer(): SocketAddress {
    return decodeSocketAddress(this.#name);
  }

  /** The control messages of what recvmsg has just received. */
  readControl(): ControlData {
    const end = Number(this.#header.getBigUint64(40, true));
    let local: Address | undefined;
    let errno: number | undefined;
    let hopLimit: number | undefined;
    for (let at = 0; at + CONTROL_HEADER <= end; ) {
      const length = Number(this.#control.getBigUint64(at, true));
      if (length < CONTROL_HEADER) break;
      const level = this.#control.getInt32(at + 8, true);
      const type = this.#control.getInt32(at + 12, true);
      const data = at + CONTROL_HEADER;
      // in_pktinfo: interface, specific destination, destination of the header; in6_pktinfo: address, interface.
      if (level === SOL_IP && type === IP_PKTINFO) local = this.#address(data + 8, 4);
      else if (level === SOL_IPV6 && type === IPV6_PKTINFO) local = this.#address(data, 6);
      else if ((level === SOL_IP && type === IP_RECVERR) || (level === SOL_IPV6 && type === IPV6_RECVERR))
        errno = this.#control.getUint32(data, true);
      else if (level === SOL_IPV6 && type === IPV6_HOPLIMIT) hopLimit = this.#control.getUint32(data, true);
      at += (length + 7) & ~7;
    }
    return {
      ...(local !== undefined && { local }),
      ...(errno !== undefined && { errno }),
      ...(hopLimit !== undefined && { hopLimit }),
    };
  }

  #address(at: number, family: Family): Address {
    return addressFromBytes(this.#controlBytes.subarray(at, at + (family === 4 ? 4 : 16)));
  }

  /** One IP_PKTINFO or IPV6_PKTINFO message that sets the source. @returns its length with padding */
  #putPacketInformation(from: Address): number {
    const length = CONTROL_HEADER + (from.family === 4 ? 12 : 20);
    this.#controlBytes.fill(0, 0, length + 8);
    this.#control.setBigUint64(0, BigInt(length), true);
    this.#control.setInt32(8, from.family === 4 ? SOL_IP : SOL_IPV6, true);
    this.#control.setInt32(12, from.family === 4 ? IP_PKTINFO : IPV6_PKTINFO, true);
    this.#controlBytes.set(addressToBytes(from), CONTROL_HEADER + (from.family === 4 ? 4 : 0));
    return (length + 7) & ~7;
  }
}
