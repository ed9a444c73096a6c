/** The CRC of POSIX' cksum: this polynomial, the highest bit first. */
const POLYNOMIAL = 0x04c1_1db7;

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let rest = index << 24;
  for (let bit = 0; bit < 8; bit++) rest = (rest << 1) ^ (rest < 0 ? POLYNOMIAL : 0);
  return rest;
});

export interface CheckSum {
  readonly crc: number;
  /** Bytes of the text in UTF-8. */
  readonly bytes: number;
}

/** What cksum(1) prints of a file with this text: POSIX.1-2017, cksum. */
export function checkSum(text: string): CheckSum {
  const octets = new TextEncoder().encode(text);
  let crc = 0;
  for (const octet of octets) crc = (crc << 8) ^ (TABLE[(crc >>> 24) ^ octet] ?? 0);
  for (let rest = octets.length; rest > 0; rest = Math.floor(rest / 256))
    crc = (crc << 8) ^ (TABLE[(crc >>> 24) ^ (rest & 0xff)] ?? 0);
  return { crc: ~crc >>> 0, bytes: octets.length };
}

/** A line for each file, as `cksum FILE…` prints them. */
export function formatCheckSums(files: Iterable<readonly [name: string, text: string]>): string {
  return Array.from(files, ([name, text]) => {
    const { crc, bytes } = checkSum(text);
    return `${crc} ${bytes} ${name}\n`;
  }).join('');
}

/** The sums by file; lines that say nothing of the kind are passed over. */
export function parseCheckSums(text: string): ReadonlyMap<string, CheckSum> {
  const sums = new Map<string, CheckSum>();
  for (const line of text.split('\n')) {
    const [, crc, bytes, name] = /^(\d+) (\d+) (?:\.\/)?(\S+)$/.exec(line) ?? [];
    if (name !== undefined) sums.set(name, { crc: Number(crc), bytes: Number(bytes) });
  }
  return sums;
}
