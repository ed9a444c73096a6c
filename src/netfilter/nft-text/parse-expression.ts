import { isFlagType } from '../data-type.ts';
import { NotModelled, oneOf } from '../nft-json/json-node.ts';
import { dataTypesOf, type ExpressionContext } from '../nft-json/parse-expression.ts';
import type { ConntrackKey, DataType, Expression, MetaKey, PayloadField } from '../node.ts';
import { PAYLOAD_FIELDS } from '../payload-field.ts';
import { symbolValue } from '../symbol.ts';
import { CONNTRACK_KEYS, META_KEYS } from '../value-type.ts';
import { parseConstant, parseFlags, parseMapElements, parseSetElements } from './parse-constant.ts';
import type { TokenReader } from './token-reader.ts';

type BinaryOperator = Extract<Expression, { kind: 'binary' }>['operator'];

/** Signs, and the words that old versions print. */
const OPERATORS: Readonly<Record<string, BinaryOperator>> = {
  '&': '&',
  '|': '|',
  '^': '^',
  '<<': '<<',
  '>>': '>>',
  and: '&',
  or: '|',
  xor: '^',
  lshift: '<<',
  rshift: '>>',
};

/** Keys that nft prints without `meta` before them; old versions all of them. */
const BARE_META: ReadonlySet<string> = new Set([
  'iif',
  'oif',
  'iifname',
  'oifname',
  'iiftype',
  'oiftype',
  'iifgroup',
  'oifgroup',
  'mark',
  'skuid',
  'pkttype',
  'cgroup',
]);

const FIELDS = Object.keys(PAYLOAD_FIELDS) as readonly PayloadField[];

/**
 * An expression: what it is made of joined by ` . `, and a map it may be looked up in.
 * @param expected the types of constants in it
 * @throws NotModelled
 */
export function parseExpression(
  reader: TokenReader,
  context: ExpressionContext,
  expected?: readonly DataType[],
): Expression {
  if (reader.at('{')) return { kind: 'set', elements: parseSetElements(reader, expected ?? []) };
  const { kind, text } = reader.peek();
  if (kind === 'word' && text.startsWith('@') && !text.includes(',')) {
    reader.next();
    return { kind: 'set-reference', name: text.slice(1) };
  }
  const parts = [parseOperation(reader, context, expected?.[0])];
  while (reader.accept('.')) {
    const type = expected?.[parts.length];
    parts.push(parseOperation(reader, context, type));
  }
  const [only] = parts;
  const key: Expression = only !== undefined && parts.length === 1 ? only : { kind: 'concatenation', parts };
  return reader.accept('map') ? parseMap(reader, key, context, expected) : key;
}

function parseMap(
  reader: TokenReader,
  key: Expression,
  context: ExpressionContext,
  expected: readonly DataType[] | undefined,
): Expression {
  const { text } = reader.peek();
  if (text.startsWith('@')) {
    reader.next();
    return { kind: 'map', key, name: text.slice(1) };
  }
  const types = dataTypesOf(key, context) ?? [];
  return { kind: 'anonymous-map', key, elements: parseMapElements(reader, types, expected ?? []) };
}

function parseOperation(reader: TokenReader, context: ExpressionContext, type: DataType | undefined): Expression {
  let left = parseOperand(reader, context, type);
  for (;;) {
    const { kind, text } = reader.peek();
    const operator = kind === 'sign' || kind === 'word' ? OPERATORS[text] : undefined;
    if (operator === undefined || !Object.hasOwn(OPERATORS, text)) return left;
    reader.next();
    const [own] = dataTypesOf(left, context) ?? [type];
    const right = parseOperand(reader, context, own);
    left = { kind: 'binary', operator, left, right };
  }
}

function parseOperand(reader: TokenReader, context: ExpressionContext, type: DataType | undefined): Expression {
  if (reader.at('(')) {
    const position = reader.position;
    reader.next();
    const inner = parseOperation(reader, context, type);
    if (inner.kind !== 'binary' || inner.left.kind !== 'literal') {
      reader.expect(')');
      return inner;
    }
    reader.rewind(position);
    return { kind: 'literal', literal: parseFlags(reader, type) };
  }
  const read = parseSelector(reader, context);
  if (read !== undefined) return read;
  const literal = type !== undefined && isFlagType(type) ? parseFlags(reader, type) : parseConstant(reader, type);
  return { kind: 'literal', literal };
}

/** What begins with a word that says what is read of a packet; undefined for a constant. */
function parseSelector(reader: TokenReader, context: ExpressionContext): Expression | undefined {
  const { kind, text: word } = reader.peek();
  if (kind !== 'word') return undefined;
  switch (word) {
    case 'meta':
      reader.next();
      return { kind: 'meta', key: oneOf<MetaKey>(META_KEYS, reader.word()) };
    case 'ct':
      reader.next();
      return parseConntrack(reader);
    case 'fib':
      reader.next();
      return parseFib(reader);
    case 'numgen': {
      reader.next();
      const mode = oneOf(['random', 'inc'], reader.word());
      const modulus = parseModulus(reader);
      return { kind: 'numgen', mode, modulus, offset: parseOffset(reader) };
    }
    case 'jhash': {
      reader.next();
      const of = parseExpression(reader, context);
      const modulus = parseModulus(reader);
      const seed = reader.accept('seed') ? reader.number() : 0;
      return { kind: 'jhash', of, modulus, ...(seed !== 0 && { seed }), offset: parseOffset(reader) };
    }
    default:
      if (BARE_META.has(word)) {
        reader.next();
        return { kind: 'meta', key: oneOf<MetaKey>(META_KEYS, word) };
      }
      return parsePayload(reader, context);
  }
}

function parseModulus(reader: TokenReader): number {
  reader.expect('mod');
  return reader.number();
}

function parseOffset(reader: TokenReader): number {
  return reader.accept('offset') ? reader.number() : 0;
}

function parseConntrack(reader: TokenReader): Expression {
  const direction = reader.accept('original') ? 'original' : reader.accept('reply') ? 'reply' : undefined;
  const first = reader.word();
  const name = first === 'ip' || first === 'ip6' ? `${first} ${reader.word()}` : first;
  return { kind: 'ct', key: oneOf<ConntrackKey>(CONNTRACK_KEYS, name), ...(direction !== undefined && { direction }) };
}

function parseFib(reader: TokenReader): Expression {
  const selectors: ('saddr' | 'daddr' | 'mark' | 'iif' | 'oif')[] = [];
  do selectors.push(oneOf(['saddr', 'daddr', 'mark', 'iif', 'oif'], reader.word()));
  while (reader.accept('.'));
  return { kind: 'fib', selectors, result: oneOf(['oif', 'oifname', 'type'], reader.word()) };
}

/** `ip saddr`, `arp saddr ether`, and ports by the name of their protocol. */
function parsePayload(reader: TokenReader, context: ExpressionContext): Expression | undefined {
  const { text: header } = reader.peek();
  const { text: field } = reader.peek(1);
  // what old versions of nft have no word for
  if (/^@th,64,128$/.test(header) || (header === '@th' && field === ',')) return parseRaw(reader);
  const three = `${header} ${field} ${reader.peek(2).text}`;
  const known = FIELDS.find((each) => each === three) ?? FIELDS.find((each) => each === `${header} ${field}`);
  if (known !== undefined) {
    for (const _ of known.split(' ')) reader.next();
    return { kind: 'payload', field: known };
  }
  const transport = symbolValue('inet_proto', header);
  if (transport === undefined || (field !== 'sport' && field !== 'dport')) return undefined;
  reader.next();
  reader.next();
  context.requireTransport(transport);
  return { kind: 'payload', field: field === 'sport' ? 'th sport' : 'th dport' };
}

/** `@th,64,128`, whose commas are tokens. */
function parseRaw(reader: TokenReader): Expression {
  const words = [reader.word()];
  while (reader.accept(',')) words.push(reader.word());
  if (words.join(',') !== '@th,64,128') throw new NotModelled('raw payload');
  return { kind: 'payload', field: 'icmpv6 taddr' };
}
