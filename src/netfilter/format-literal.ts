import { formatAddress } from '../address/address.ts';
import { formatPrefix } from '../address/prefix.ts';
import { isFlagType } from './data-type.ts';
import { isMapElement, isVerdict } from './element-key.ts';
import type { DataType, Literal, MapElement, SetElement, Verdict } from './node.ts';
import { flagNames, symbolName } from './symbol.ts';

/** A constant as nft writes it: by nft's words for values of the type, where it has some. */
export function formatLiteral(literal: Literal, type: DataType | undefined): string {
  switch (literal.kind) {
    case 'address':
      return formatAddress(literal.address);
    case 'prefix':
      return formatPrefix(literal.prefix);
    case 'mac':
      return literal.mac;
    case 'name':
      return quote(literal.name);
    case 'number':
      return formatNumber(literal.value, type);
    case 'range':
      return `${formatLiteral(literal.from, type)}-${formatLiteral(literal.to, type)}`;
    default: {
      const never: never = literal;
      return never;
    }
  }
}

function formatNumber(value: number, type: DataType | undefined): string {
  if (type === undefined) return String(value);
  if (type === 'mark') return `0x${value.toString(16).padStart(8, '0')}`;
  if (isFlagType(type)) return flagNames(type, value)?.join(',') ?? `0x${value.toString(16)}`;
  return symbolName(type, value) ?? String(value);
}

/** The constants of a key or a value, one for each type. */
export function formatLiterals(literals: readonly Literal[], types: readonly DataType[] | undefined): string {
  return literals.map((literal, index) => formatLiteral(literal, types?.[index])).join(' . ');
}

export function formatVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'jump':
    case 'goto':
      return `${verdict.kind} ${verdict.chain}`;
    case 'queue':
      return `queue to ${verdict.number}`;
    default:
      return verdict.kind;
  }
}

/** `10.0.0.1 . 80 timeout 1m comment "x" : goto a`. */
export function formatElement(
  element: SetElement | MapElement,
  key: readonly DataType[] | undefined,
  value: readonly DataType[] | 'verdict' | undefined,
): string {
  const parts = [formatLiterals(element.key, key)];
  if (element.timeout !== undefined) parts.push(`timeout ${formatDuration(element.timeout)}`);
  if (element.expires !== undefined) parts.push(`expires ${formatDuration(element.expires)}`);
  if (element.comment !== undefined) parts.push(`comment ${quote(element.comment)}`);
  if (isMapElement(element)) {
    const types = value === 'verdict' ? undefined : value;
    parts.push(':', isVerdict(element.value) ? formatVerdict(element.value) : formatLiterals(element.value, types));
  }
  return parts.join(' ');
}

/** Text in quotation marks; nft knows no way to put one inside. */
export function quote(text: string): string {
  return `"${text.replaceAll('"', "'")}"`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

/** Milliseconds as nft writes them: `1h30m`. */
export function formatDuration(milliseconds: number): string {
  let rest = milliseconds;
  let text = '';
  for (const [unit, length] of UNITS) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}
