import { tryParseAddress } from '../../address/address.ts';
import { prefixOf } from '../../address/prefix.ts';
import { isFlagType } from '../data-type.ts';
import type { DataType, Literal, MapElement, SetElement, Verdict } from '../node.ts';
import { symbolValue } from '../symbol.ts';
import { isList, isObject, type Json, NotModelled, number, oneOf, tagged, text } from './json-node.ts';

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;

/** A constant of a type; of an unknown type, text stays a name. @throws NotModelled */
export function parseLiteral(value: Json, type: DataType | undefined): Literal {
  // larger ones have lost their last digits in JSON already
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new NotModelled('a number of more than 53 bits');
  if (typeof value === 'number') return { kind: 'number', value };
  // `exists` and `missing` of an interface index.
  if (typeof value === 'boolean') return { kind: 'number', value: value ? 1 : 0 };
  if (typeof value === 'string') return parseWord(value, type);
  if (isList(value)) return flags(value, type);
  const node = tagged(value);
  if (node === undefined) throw new NotModelled('literal');
  const [tag, content] = node;
  if (tag === 'prefix' && isObject(content)) {
    if (typeof content.addr === 'number') return numberPrefix(content.addr, number(content.len), type);
    const address = tryParseAddress(text(content.addr));
    if (address === undefined) throw new NotModelled('prefix of what is no address');
    return { kind: 'prefix', prefix: prefixOf(address, number(content.len)) };
  }
  if (tag === 'range' && isList(content) && content.length === 2) {
    const [from = null, to = null] = content;
    return { kind: 'range', from: parseLiteral(from, type), to: parseLiteral(to, type) };
  }
  if (tag === '|' && isList(content)) return flags(content, type);
  throw new NotModelled(`literal ${tag}`);
}

/** Numbers that begin with the same bits, as nft prints a comparison under a mask: of marks, and of ports. */
export function numberPrefix(first: number, length: number, type: DataType | undefined): Literal {
  const last = first + 2 ** ((type === 'inet_service' ? 16 : 32) - length) - 1;
  return { kind: 'range', from: { kind: 'number', value: first }, to: { kind: 'number', value: last } };
}

function flags(values: readonly Json[], type: DataType | undefined): Literal {
  let bits = 0;
  for (const value of values) {
    const literal = parseLiteral(value, type);
    if (literal.kind !== 'number') throw new NotModelled('flags');
    bits |= literal.value;
  }
  return { kind: 'number', value: bits >>> 0 };
}

function parseWord(word: string, type: DataType | undefined): Literal {
  if (type === 'ifname') return { kind: 'name', name: word };
  if (type !== undefined) {
    const value = symbolValue(type, word);
    if (value !== undefined) return { kind: 'number', value };
    if (isFlagType(type) && word.includes(',')) return flags(word.split(','), type);
  }
  const address = tryParseAddress(word);
  if (address !== undefined && type !== 'unknown') return { kind: 'address', address };
  if (MAC.test(word)) return { kind: 'mac', mac: word.toLowerCase() };
  if (/^(0x[0-9a-f]+|\d+)$/i.test(word)) return numberOf(word, type);
  return { kind: 'name', name: word };
}

/** Of raw payload, nft prints IPv6 addresses as numbers. */
function numberOf(word: string, type: DataType | undefined): Literal {
  if (Number.isSafeInteger(Number(word))) return { kind: 'number', value: Number(word) };
  if (type !== 'ipv6_addr') throw new NotModelled('a number of more than 53 bits');
  return { kind: 'address', address: { family: 6, value: BigInt(word) } };
}

/** The parts of a key or a value: of a concatenation each, else the one. */
export function parseLiterals(value: Json, types: readonly (DataType | undefined)[]): Literal[] {
  const node = tagged(value);
  const parts = node?.[0] === 'concat' && isList(node[1]) ? node[1] : [value];
  return parts.map((part, index) => parseLiteral(part, types[index]));
}

/** An element of a set: its key, or an `elem` object around it. */
export function parseSetElement(value: Json, types: readonly (DataType | undefined)[]): SetElement {
  const node = tagged(value);
  if (node?.[0] !== 'elem' || !isObject(node[1])) return { key: parseLiterals(value, types) };
  const { val = null, timeout, expires, comment } = node[1];
  return {
    key: parseLiterals(val, types),
    ...(timeout !== undefined && { timeout: 1000 * number(timeout) }),
    ...(expires !== undefined && { expires: 1000 * number(expires) }),
    ...(comment !== undefined && { comment: text(comment) }),
  };
}

/** An element of a map: a pair of key and value. */
export function parseMapElement(
  value: Json,
  types: readonly (DataType | undefined)[],
  values: readonly (DataType | undefined)[] | 'verdict',
): MapElement {
  if (!isList(value) || value.length !== 2) throw new NotModelled('element of a map');
  const [key = null, content = null] = value;
  return {
    ...parseSetElement(key, types),
    value: values === 'verdict' ? parseVerdict(content) : parseLiterals(content, values),
  };
}

/** `{"accept": null}`, `{"jump": {"target": …}}`. @throws NotModelled for anything else */
export function parseVerdict(value: Json): Verdict {
  const node = tagged(value);
  if (node === undefined) throw new NotModelled('verdict');
  const [tag, content] = node;
  if (tag === 'jump' || tag === 'goto')
    return { kind: tag, chain: text(isObject(content) ? content.target : undefined) };
  if (tag === 'queue') return { kind: 'queue', number: isObject(content) ? number(content.num ?? 0) : 0 };
  return { kind: oneOf(['accept', 'drop', 'continue', 'return'], tag) };
}
