import { NotModelled } from '../nft-json/json-node.ts';
import type { TableFamily } from '../node.ts';
import type { TokenReader } from './token-reader.ts';

/** nft's names of priorities (`nft(8)`, tables 6 and 7). */
const NAMES: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
};
const BRIDGE_NAMES: Readonly<Record<string, number>> = { dstnat: -300, filter: -200, out: 100, srcnat: 300 };

/** `-150`, `filter`, `filter + 10`, `filter - 10`. @throws NotModelled */
export function parsePriority(reader: TokenReader, family: TableFamily): number {
  const word = reader.word();
  const names = family === 'bridge' ? BRIDGE_NAMES : NAMES;
  const base = Object.hasOwn(names, word) ? names[word] : Number(word);
  if (base === undefined || Number.isNaN(base)) throw new NotModelled('priority expected');
  if (reader.accept('+')) return base + reader.number();
  return reader.accept('-') ? base - reader.number() : base;
}
