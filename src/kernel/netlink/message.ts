/** `linux/netlink.h`: netlink families (protocols of the socket). */
export const NETLINK_FAMILIES = { route: 0, 'kobject-uevent': 15, netfilter: 12, generic: 16, 'sock-diag': 4 } as const;

export type NetlinkFamily = keyof typeof NETLINK_FAMILIES;

/** Length of `struct nlmsghdr`: u32 length, u16 type, u16 flags, u32 sequence, u32 port; host byte order. */
export const MESSAGE_HEADER_LENGTH = 16;

/** Message types below those of the families (`NLMSG_*`). */
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_OVERRUN = 4;

/** Flags of any message (`NLM_F_*`). */
export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
/** Asks for the notification that the request causes. */
export const NLM_F_ECHO = 0x8;
/** The dump is of a table that changed meanwhile. */
export const NLM_F_DUMP_INTR = 0x10;
/** In an acknowledgement: the request's payload is left out. */
export const NLM_F_CAPPED = 0x100;
/** In an acknowledgement: attributes follow. */
export const NLM_F_ACK_TLVS = 0x200;

/** Flags of requests that read. */
export const NLM_F_ROOT = 0x100;
export const NLM_F_MATCH = 0x200;
export const NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH;

/** Flags of requests that write. */
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

/** Bits of an attribute's type that are flags: nested, network byte order. */
export const NLA_F_NESTED = 0x8000;
export const NLA_TYPE_MASK = 0x3fff;

/** A received message, a window on the receive buffer: decode it before the next one is received. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Port of the socket that asked; in notifications, of whoever made the change; 0 for the kernel itself. */
  readonly port: number;
  readonly buffer: Buffer;
  /** The payload: first byte, and the byte after the last. */
  readonly start: number;
  readonly end: number;
}

/** The messages in a datagram of `length` bytes. */
export function* messagesIn(buffer: Buffer, length: number): Generator<NetlinkMessage> {
  let offset = 0;
  while (offset + MESSAGE_HEADER_LENGTH <= length) {
    const size = buffer.readUInt32LE(offset);
    if (size < MESSAGE_HEADER_LENGTH || offset + size > length) return;
    yield {
      type: buffer.readUInt16LE(offset + 4),
      flags: buffer.readUInt16LE(offset + 6),
      sequence: buffer.readUInt32LE(offset + 8),
      port: buffer.readUInt32LE(offset + 12),
      buffer,
      start: offset + MESSAGE_HEADER_LENGTH,
      end: offset + size,
    };
    offset += (size + 3) & ~3;
  }
}
