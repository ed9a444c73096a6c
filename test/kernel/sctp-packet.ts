/** The first packets of an SCTP association (RFC 9260), for kernels that have no sockets of it. */

const HEADER = 12;
const CHUNK = 20;
/** CRC32c, reflected. */
const POLYNOMIAL = 0x82f6_3b78;

export const SCTP = 132;

export interface SctpPacket {
  readonly from: number;
  readonly to: number;
  readonly kind: 'INIT' | 'INIT ACK';
  /** Verification tag, 0 with INIT. */
  readonly tag: number;
}

export function encodeSctp({ from, to, kind, tag }: SctpPacket): Uint8Array {
  const bytes = new Uint8Array(HEADER + CHUNK);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, from);
  view.setUint16(2, to);
  view.setUint32(4, tag);
  view.setUint8(HEADER, kind === 'INIT' ? 1 : 2);
  view.setUint16(HEADER + 2, CHUNK);
  view.setUint32(HEADER + 4, 0x1234_5678); // initiate tag
  view.setUint32(HEADER + 8, 65_536); // receiver window
  view.setUint16(HEADER + 12, 1); // streams out and in
  view.setUint16(HEADER + 14, 1);
  view.setUint32(HEADER + 16, 1); // first sequence number
  view.setUint32(8, crc32c(bytes), true);
  return bytes;
}

/** Undefined for what is no such packet, and for one whose checksum is wrong. */
export function decodeSctp(bytes: Uint8Array): SctpPacket | undefined {
  if (bytes.length < HEADER + 4) return undefined;
  const packet = bytes.slice();
  const view = new DataView(packet.buffer);
  const checksum = view.getUint32(8, true);
  view.setUint32(8, 0);
  if (checksum !== crc32c(packet)) return undefined;
  const kind = ({ 1: 'INIT', 2: 'INIT ACK' } as const)[view.getUint8(HEADER)];
  return kind && { from: view.getUint16(0), to: view.getUint16(2), kind, tag: view.getUint32(4) };
}

function crc32c(bytes: Uint8Array): number {
  let sum = 0xffff_ffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
  }
  return ~sum >>> 0;
}
