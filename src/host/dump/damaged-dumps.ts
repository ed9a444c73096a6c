import type { Unknown } from '../network-state.ts';
import { type CheckSum, checkSum, parseCheckSums } from './check-sum.ts';
import { type DumpFile, isDumpFile } from './dump-file.ts';

/** Files of lines; in those of JSON a parser sees where they end too early. */
const LINES = ['sysctl.txt', 'tc.txt', 'bpf.txt', 'ip_vs.txt', 'ipset-save.txt'] as const;
/** What these may end with, if the last line has no end. */
const LAST_LINES = {
  'nft.txt': /(?:^|\n)\}$/,
  'iptables-save.txt': /(?:^|\n)COMMIT$/,
  'ip6tables-save.txt': /(?:^|\n)COMMIT$/,
} as const;

/** Files whose last line is cut off. */
export function unendedDumps(read: (file: DumpFile) => string | undefined): readonly Unknown[] {
  const unended = (file: DumpFile) => !/(?:^|\n)$/.test((read(file) ?? '').slice(-1));
  const found: DumpFile[] = LINES.filter(unended);
  for (const [file, whole] of Object.entries(LAST_LINES) as [keyof typeof LAST_LINES, RegExp][])
    if (unended(file) && !whole.test((read(file) ?? '').slice(-20))) found.push(file);
  return found.map((what) => ({ what, why: 'it is cut off: its last line has no end' }));
}

/**
 * Files that aren't as they were collected, by the sums that were written down with them: a listing that ends between two lines looks
 * like a shorter one, and one with another digit like any other.
 */
export function damagedDumps(read: (file: DumpFile) => string | undefined): readonly Unknown[] {
  const text = read('cksum.txt');
  if (text === undefined) return [];
  const sums = parseCheckSums(text);
  return Array.from(sums).flatMap(([file, sum]): readonly Unknown[] => {
    const why = isDumpFile(file) ? damageOf(read(file), sum) : undefined;
    return why === undefined ? [] : [{ what: file, why }];
  });
}

function damageOf(text: string | undefined, sum: CheckSum): string | undefined {
  if (text === undefined) return 'it was collected, and is missing';
  const { crc, bytes } = checkSum(text);
  if (bytes === sum.bytes && crc === sum.crc) return undefined;
  // what is no UTF-8 is lost where a file is read as text
  if (text.includes('\ufffd')) return undefined;
  if (bytes < sum.bytes) return `it is cut off: ${bytes} of ${sum.bytes} bytes are left`;
  return bytes > sum.bytes
    ? `it has ${bytes} bytes, and had ${sum.bytes}`
    : 'its contents are not those that were collected';
}
