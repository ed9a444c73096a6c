import type { Expression, PayloadField } from '../../netfilter/node.ts';
import { PAYLOAD_FIELDS } from '../../netfilter/payload-field.ts';
import { valueTypeOf } from '../../netfilter/value-type.ts';
import { PAYLOAD_BASES } from './kernel-number.ts';
import { unsupported, type ValueLoader } from './value-loader.ts';

/** Where the checksum of an IPv4 header is (RFC 791). */
const IPV4_CHECKSUM = 10;

/** Fields that the pseudo header of the transport checksum holds (RFC 9293, 8200). */
const PSEUDO_HEADER: ReadonlySet<PayloadField> = new Set(['ip saddr', 'ip daddr', 'ip6 saddr', 'ip6 daddr']);

/**
 * The instructions that change a field of the packet. A field of one byte is written with its neighbour, since the
 * kernel mends checksums by 16-bit words.
 */
export function assemblePayloadWrite(loader: ValueLoader, field: PayloadField, value: Expression): void {
  const layout = PAYLOAD_FIELDS[field];
  if (layout.base === 'transport' || layout.header === 'arp') throw unsupported(`setting ${field}`);
  const base = PAYLOAD_BASES[layout.base];
  const checksum = layout.header === 'ip' ? IPV4_CHECKSUM : undefined;
  const write = (offset: number, length: number) =>
    loader.expressions.push({
      name: 'payload-write',
      register: 0,
      base,
      offset,
      length,
      ...(checksum !== undefined && { checksum }),
      pseudoHeader: PSEUDO_HEADER.has(field),
    });
  if (layout.bytes > 1) {
    const type =
      layout.type === 'integer'
        ? { type: layout.type, bytes: layout.bytes, order: 'big' as const }
        : valueTypeOf(layout.type);
    loader.load(value, 0, [type]);
    write(layout.offset, layout.bytes);
    return;
  }
  if (value.kind !== 'literal' || value.literal.kind !== 'number')
    throw unsupported(`setting ${field} to what isn't a constant`);
  const offset = layout.offset & ~1;
  const shift = layout.shift ?? 0;
  const keep = ~(0xff << shift) & 0xff;
  const bits = value.literal.value << shift;
  const high = layout.offset === offset;
  loader.expressions.push({ name: 'payload', register: 0, base, offset, length: 2 });
  loader.expressions.push({
    name: 'bitwise',
    source: 0,
    register: 0,
    mask: high ? Uint8Array.of(keep, 0xff) : Uint8Array.of(0xff, keep),
    xor: high ? Uint8Array.of(bits, 0) : Uint8Array.of(0, bits),
  });
  write(offset, 2);
}
