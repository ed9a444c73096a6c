import { describeErrno } from '../system-error.ts';
import { attributeNames, familyHeaderLength, nestedNames } from './attribute-name.ts';
import { AttributeReader } from './attribute-reader.ts';
import {
  messagesIn,
  type NetlinkFamily,
  type NetlinkMessage,
  NLA_F_NESTED,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './message.ts';
import { messageName } from './message-name.ts';
import { type Acknowledgement, decodeAcknowledgement } from './reply.ts';

/** Takes one line about a message sent (`>`) or received (`<`). */
export type TraceSink = (line: string) => void;

const LONGEST_HEX = 32;

let sink: TraceSink | undefined = (process.env.FLATNET_DEBUG ?? '').split(',').includes('netlink')
  ? (line) => process.stderr.write(`${line}\n`)
  : undefined;

/** Sends a line about every message to `next`, or to nobody; at start to stderr where FLATNET_DEBUG holds `netlink`. */
export function traceNetlink(next: TraceSink | undefined): void {
  sink = next;
}

/** Reports the messages in a datagram, where anybody wants to know. */
export function traceMessages(direction: '>' | '<', family: NetlinkFamily, bytes: Uint8Array, length: number): void {
  if (sink === undefined) return;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, length);
  for (const message of messagesIn(buffer, length)) sink(`netlink ${direction} ${formatMessage(family, message)}`);
}

/** One line: family, type, flags, sequence number, length, the family's header in hex, the attributes. */
export function formatMessage(family: NetlinkFamily, message: NetlinkMessage): string {
  const { type, flags, sequence, buffer, start, end } = message;
  const head = `${family} ${messageName(family, type)} flags=0x${flags.toString(16)} seq=${sequence} length=${end - start + 16}`;
  if (type === NLMSG_ERROR) return `${head} ${formatAcknowledgement(family, decodeAcknowledgement(message))}`;
  if (type === NLMSG_DONE) return head;
  const headerLength = Math.min(familyHeaderLength(family, type), end - start);
  const header = hex(buffer, start, start + headerLength);
  return `${head} header=${header} ${formatAttributes(new AttributeReader(buffer, start + headerLength, end), buffer, attributeNames(family, type))}`;
}

function formatAcknowledgement(family: NetlinkFamily, { errno, requestType, text }: Acknowledgement): string {
  const outcome = errno === 0 ? 'done' : describeErrno(errno);
  return `${messageName(family, requestType)}: ${outcome}${text === undefined ? '' : ` ${JSON.stringify(text)}`}`;
}

function formatAttributes(attributes: AttributeReader, buffer: Buffer, names: readonly string[]): string {
  const parts: string[] = [];
  while (attributes.next()) {
    const name = names[attributes.type] ?? String(attributes.type);
    const { offset, length } = attributes;
    const isNested = (buffer.readUInt16LE(offset - 2) & NLA_F_NESTED) !== 0;
    const inner = nestedNames(name);
    if (isNested || inner !== undefined)
      parts.push(`${name}={${formatAttributes(attributes.nested(), buffer, inner ?? [])}}`);
    else parts.push(`${name}=${formatValue(buffer, offset, length)}`);
  }
  return parts.join(' ');
}

function formatValue(buffer: Buffer, offset: number, length: number): string {
  const text = buffer.toString('latin1', offset, offset + length);
  if (/^[\x20-\x7e]{2,}\0$/.test(text)) return JSON.stringify(text.slice(0, -1));
  return hex(buffer, offset, offset + length);
}

function hex(buffer: Buffer, start: number, end: number): string {
  const shown = buffer.toString('hex', start, Math.min(end, start + LONGEST_HEX));
  return end - start > LONGEST_HEX ? `${shown}… (${end - start} bytes)` : shown;
}
