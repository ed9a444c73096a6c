import { literalBytes, prefixMask } from '../../netfilter/literal-bytes.ts';
import type { Expression, Literal, MatchOperator, Statement } from '../../netfilter/node.ts';
import { PAYLOAD_FIELDS } from '../../netfilter/payload-field.ts';
import type { ValueType } from '../../netfilter/value-type.ts';
import { FIB_PRESENT, FIB_RESULTS, FIB_SELECTORS } from './kernel-number.ts';
import { unsupported, type ValueLoader } from './value-loader.ts';

type Match = Extract<Statement, { kind: 'match' }>;

/** The instructions of a match: load, then compare or look up. */
export function assembleMatch(loader: ValueLoader, { left, operator, right }: Match): void {
  if (right.kind === 'set-reference' || right.kind === 'set') {
    assembleLookup(loader, left, operator, right);
    return;
  }
  if (right.kind !== 'literal') throw unsupported('a match with anything but a constant or a set on its right');
  if (assembleRouteExistence(loader, left, operator, right.literal)) return;
  const types = loader.typesOf(left);
  const [type] = types ?? [];
  if (type === undefined || types?.length !== 1) throw unsupported('a match of a concatenation with a constant');
  loader.load(left, 0);
  compare(loader, operator, right.literal, unshifted(left, type));
}

function assembleLookup(
  loader: ValueLoader,
  left: Expression,
  operator: MatchOperator,
  right: Extract<Expression, { kind: 'set' | 'set-reference' }>,
): void {
  if (operator !== '==' && operator !== '!=' && operator !== 'in') throw unsupported(`${operator} with a set`);
  loader.load(left, 0);
  const set = right.kind === 'set' ? loader.anonymousSet(left, right.elements) : { name: right.name };
  const interval =
    right.kind === 'set'
      ? right.elements.some(({ key }) => key.some(({ kind }) => kind === 'range' || kind === 'prefix'))
      : loader.isInterval(right.name);
  if (interval) loader.toNetworkOrder(0, loader.typesOf(left));
  loader.expressions.push({ name: 'lookup', set, source: 0, inverted: operator === '!=' });
}

/** `fib … oif` compared with 0 asks whether there is a route at all, for which the kernel has a flag. */
function assembleRouteExistence(
  loader: ValueLoader,
  left: Expression,
  operator: MatchOperator,
  literal: Literal,
): boolean {
  if (left.kind !== 'fib' || left.result !== 'oif' || literal.kind !== 'number' || literal.value !== 0) return false;
  if (operator !== '==' && operator !== '!=') return false;
  const flags = left.selectors.reduce((sum, selector) => sum | FIB_SELECTORS[selector], FIB_PRESENT);
  loader.expressions.push({ name: 'fib', register: 0, result: FIB_RESULTS.oif, flags });
  // The kernel stores one byte and zeroes the rest of the register; nft compares all of it.
  const data = Uint8Array.of(operator === '==' ? 0 : 1, 0, 0, 0);
  loader.expressions.push({ name: 'cmp', register: 0, operator: '==', data });
  return true;
}

/** The type under which constants are compared with a field that shares its byte with others. */
function unshifted(left: Expression, type: ValueType): ValueType & { readonly shift: number } {
  return { ...type, shift: left.kind === 'payload' ? (PAYLOAD_FIELDS[left.field].shift ?? 0) : 0 };
}

function shifted(literal: Literal, shift: number): Literal {
  return shift === 0 || literal.kind !== 'number' ? literal : { kind: 'number', value: literal.value << shift };
}

function compare(
  loader: ValueLoader,
  operator: MatchOperator,
  literal: Literal,
  type: ValueType & { readonly shift: number },
): void {
  const { expressions } = loader;
  const ordered: ValueType = { ...type, order: 'big' };
  if (operator === 'in') {
    const mask = literalBytes(literal, type);
    expressions.push({ name: 'bitwise', source: 0, register: 0, mask, xor: new Uint8Array(mask.length) });
    expressions.push({ name: 'cmp', register: 0, operator: '!=', data: new Uint8Array(mask.length) });
    return;
  }
  if (operator !== '==' && operator !== '!=') {
    loader.toNetworkOrder(0, [type]);
    const data = literalBytes(shifted(literal, type.shift), type.bytes === 1 ? type : ordered);
    expressions.push({ name: 'cmp', register: 0, operator, data });
    return;
  }
  if (literal.kind === 'prefix') {
    const { address, length } = literal.prefix;
    const mask = prefixMask(type.bytes, length);
    if (length < 8 * type.bytes)
      expressions.push({ name: 'bitwise', source: 0, register: 0, mask, xor: new Uint8Array(type.bytes) });
    const data = literalBytes({ kind: 'address', address }, type);
    expressions.push({ name: 'cmp', register: 0, operator, data });
    return;
  }
  if (literal.kind === 'range') {
    loader.toNetworkOrder(0, [type]);
    const bytes = (end: Literal) => literalBytes(shifted(end, type.shift), type.bytes === 1 ? type : ordered);
    const [from, to] = [bytes(literal.from), bytes(literal.to)];
    expressions.push({ name: 'range', register: 0, inverted: operator === '!=', from, to });
    return;
  }
  if (literal.kind === 'name' && literal.name.endsWith('*')) {
    // The beginning of an interface's name.
    expressions.push({ name: 'cmp', register: 0, operator, data: Buffer.from(literal.name.slice(0, -1)) });
    return;
  }
  expressions.push({ name: 'cmp', register: 0, operator, data: literalBytes(shifted(literal, type.shift), type) });
}
