import { tryParseAddress } from '../../address/address.ts';
import { FAMILY_BITS } from '../../address/family.ts';
import { prefixOf } from '../../address/prefix.ts';
import { isFlagType } from '../data-type.ts';
import { NotModelled, oneOf } from '../nft-json/json-node.ts';
import { numberPrefix, parseLiteral } from '../nft-json/parse-literal.ts';
import type { DataType, Literal, MapElement, SetElement, Verdict } from '../node.ts';
import { symbolValue } from '../symbol.ts';
import type { TokenReader } from './token-reader.ts';

/** One constant: a word by its type, text in quotation marks as a name. @throws NotModelled */
export function parseConstant(reader: TokenReader, type: DataType | undefined): Literal {
  const token = reader.peek();
  if (token.kind === 'string') {
    reader.next();
    return { kind: 'name', name: token.text };
  }
  return literalOf(reader.word(), type);
}

/** A constant of some text: a value, a prefix, or a range. */
export function literalOf(text: string, type: DataType | undefined): Literal {
  if (type !== undefined && symbolValue(type, text) !== undefined) return parseLiteral(text, type);
  const slash = text.indexOf('/');
  const address = slash < 0 ? undefined : tryParseAddress(text.slice(0, slash));
  const length = Number(text.slice(slash + 1));
  if (address !== undefined && length >= 0 && length <= FAMILY_BITS[address.family])
    return { kind: 'prefix', prefix: prefixOf(address, length) };
  const [, number] = /^(0x[0-9a-f]+|\d+)\/\d+$/.exec(text) ?? [];
  if (number !== undefined && length <= 32) return numberPrefix(Number(number), length, type);
  const dash = text.indexOf('-', 1);
  if (dash > 0 && dash < text.length - 1) {
    const [from, to] = [literalOf(text.slice(0, dash), type), literalOf(text.slice(dash + 1), type)];
    if (from.kind === to.kind && from.kind !== 'name') return { kind: 'range', from, to };
  }
  return parseLiteral(text, type);
}

/** Flags as nft lists them: `established,related`, or `(fin | syn)`; among elements a comma parts them. */
export function parseFlags(reader: TokenReader, type: DataType | undefined, place?: 'element'): Literal {
  const closing = reader.accept('(');
  let literal = parseConstant(reader, type);
  const joined = () => reader.at('|') || (place !== 'element' && reader.at(','));
  while (type !== undefined && isFlagType(type) && joined()) {
    reader.next();
    literal = { kind: 'number', value: numberIn(literal) | numberIn(parseConstant(reader, type)) };
  }
  if (closing) reader.expect(')');
  return literal;
}

function numberIn(literal: Literal): number {
  if (literal.kind !== 'number') throw new NotModelled('flags');
  return literal.value;
}

/** The constants of a key or a value: one, or those of a concatenation. */
export function parseConstants(reader: TokenReader, types: readonly (DataType | undefined)[]): Literal[] {
  const literals = [parseFlags(reader, types[0], 'element')];
  while (reader.accept('.')) literals.push(parseFlags(reader, types[literals.length], 'element'));
  return literals;
}

/** `{ … }` of a set. @throws NotModelled */
export function parseSetElements(reader: TokenReader, types: readonly (DataType | undefined)[]): SetElement[] {
  return parseBraces(reader, () => parseElement(reader, types));
}

/** `{ KEY : VALUE, … }` of a map. @throws NotModelled */
export function parseMapElements(
  reader: TokenReader,
  types: readonly (DataType | undefined)[],
  values: readonly (DataType | undefined)[] | 'verdict',
): MapElement[] {
  return parseBraces(reader, () => {
    const element = parseElement(reader, types);
    reader.expect(':');
    return { ...element, value: values === 'verdict' ? parseVerdict(reader) : parseConstants(reader, values) };
  });
}

function parseBraces<Element>(reader: TokenReader, parse: () => Element): Element[] {
  const elements: Element[] = [];
  reader.expect('{');
  reader.skipNewlines();
  while (!reader.accept('}')) {
    elements.push(parse());
    reader.skipNewlines();
    if (!reader.at('}')) reader.expect(',');
    reader.skipNewlines();
  }
  return elements;
}

function parseElement(reader: TokenReader, types: readonly (DataType | undefined)[]): SetElement {
  const element: { timeout?: number; expires?: number; comment?: string } = {};
  const key = parseConstants(reader, types);
  for (;;) {
    if (reader.accept('timeout')) element.timeout = parseDuration(reader.word());
    else if (reader.accept('expires')) element.expires = parseDuration(reader.word());
    else if (reader.accept('comment')) element.comment = reader.word();
    else if (reader.accept('counter')) {
      reader.expect('packets');
      reader.number();
      reader.expect('bytes');
      reader.number();
    } else return { key, ...element };
  }
}

/** @throws NotModelled for what is no verdict */
export function parseVerdict(reader: TokenReader): Verdict {
  const word = reader.word();
  if (word === 'jump' || word === 'goto') return { kind: word, chain: reader.word() };
  if (word !== 'queue') return { kind: oneOf(['accept', 'drop', 'continue', 'return'], word) };
  for (const option of ['num', 'to']) reader.accept(option);
  return { kind: 'queue', number: reader.atEndOfLine() ? 0 : reader.number() };
}

const UNITS: Readonly<Record<string, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};

/** `1h30m` in milliseconds; a bare number is of seconds. @throws NotModelled */
export function parseDuration(text: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+(ms|[wdhms]))+$/.test(text)) throw new NotModelled(`duration ${text}`);
  let sum = 0;
  for (const [, count, unit = ''] of text.matchAll(/(\d+)(ms|[wdhms])/g)) sum += Number(count) * (UNITS[unit] ?? 0);
  return sum;
}
