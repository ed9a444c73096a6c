import type { FlatnetError } from '../../error/flatnet-error.ts';
import { systemError } from '../system-error.ts';
import { AttributeReader } from './attribute-reader.ts';
import {
  MESSAGE_HEADER_LENGTH,
  type NetlinkFamily,
  type NetlinkMessage,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
} from './message.ts';
import { messageName } from './message-name.ts';

/** `linux/netlink.h`: enum nlmsgerr_attrs. */
const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;
const NLMSGERR_ATTR_MISS_TYPE = 5;

/** What the kernel answers to a request with (`struct nlmsgerr` and its attributes). */
export interface Acknowledgement {
  /** Positive; 0 where the request succeeded. */
  readonly errno: number;
  /** Type of the message that it answers. */
  readonly requestType: number;
  /** Extended acknowledgement: what the kernel says about it. */
  readonly text?: string;
  /** Offset in the request of the attribute at fault. */
  readonly offset?: number;
  /** Type of an attribute that is missing. */
  readonly missing?: number;
}

/** Reads NLMSG_ERROR. */
export function decodeAcknowledgement(message: NetlinkMessage): Acknowledgement {
  const { buffer, start, flags } = message;
  const errno = -buffer.readInt32LE(start);
  const request = start + 4;
  const acknowledgement = { errno: errno === 0 ? 0 : errno, requestType: buffer.readUInt16LE(request + 4) };
  if ((flags & NLM_F_ACK_TLVS) === 0) return acknowledgement;
  const requestLength = (flags & NLM_F_CAPPED) !== 0 ? MESSAGE_HEADER_LENGTH : buffer.readUInt32LE(request);
  return { ...acknowledgement, ...decodeExtension(new AttributeReader(buffer, request + requestLength, message.end)) };
}

function decodeExtension(attributes: AttributeReader): Pick<Acknowledgement, 'text' | 'offset' | 'missing'> {
  const extension: { text?: string; offset?: number; missing?: number } = {};
  while (attributes.next()) {
    if (attributes.type === NLMSGERR_ATTR_MSG) extension.text = attributes.string();
    else if (attributes.type === NLMSGERR_ATTR_OFFS) extension.offset = attributes.u32();
    else if (attributes.type === NLMSGERR_ATTR_MISS_TYPE) extension.missing = attributes.u32();
  }
  return extension;
}

/** The error that an acknowledgement stands for; its operation is the request's name. */
export function acknowledgedError(family: NetlinkFamily, acknowledgement: Acknowledgement): FlatnetError {
  const { errno, requestType, text, offset, missing } = acknowledgement;
  const details = [
    ...(text === undefined ? [] : [text]),
    ...(offset === undefined ? [] : [`attribute at byte ${offset}`]),
    ...(missing === undefined ? [] : [`attribute ${missing} is missing`]),
  ];
  const detail = details.length === 0 ? undefined : details.join(', ');
  return systemError(`netlink ${messageName(family, requestType)}`, errno, detail);
}
