import type { ConntrackKey, DataType, Expression, MetaKey, NamedMap, NamedSet, PayloadField } from '../node.ts';
import { PAYLOAD_FIELDS } from '../payload-field.ts';
import { symbolValue } from '../symbol.ts';
import { CONNTRACK_KEYS, META_KEYS, typesOfExpression } from '../value-type.ts';
import {
  isList,
  isObject,
  type Json,
  type JsonObject,
  listOf,
  NotModelled,
  number,
  oneOf,
  tagged,
  text,
} from './json-node.ts';
import { parseLiteral, parseMapElement, parseSetElement } from './parse-literal.ts';

/** The sets of a rule's table, and what its expressions ask for unsaid. */
export interface ExpressionContext {
  findSet(name: string): NamedSet | NamedMap | undefined;
  /** Told of the transport protocol that a field's name includes: `tcp dport` is the port of packets that are TCP. */
  requireTransport(protocol: number): void;
}

/** An expression by its tag. Constants are read as of the type that is expected. @throws NotModelled */
export function parseExpression(value: Json, context: ExpressionContext, expected?: readonly DataType[]): Expression {
  if (typeof value === 'string' && value.startsWith('@')) return { kind: 'set-reference', name: value.slice(1) };
  const node = tagged(value);
  if (node === undefined) return { kind: 'literal', literal: parseLiteral(value, expected?.[0]) };
  const [tag, content] = node;
  switch (tag) {
    case 'payload':
      return parsePayload(object(content), context);
    case 'meta':
      return { kind: 'meta', key: oneOf<MetaKey>(META_KEYS, object(content).key) };
    case 'ct':
      return parseConntrack(object(content));
    case 'fib': {
      const { result, flags } = object(content);
      const selectors = listOf(flags).map((flag) => oneOf(['saddr', 'daddr', 'mark', 'iif', 'oif'], flag));
      return { kind: 'fib', selectors, result: oneOf(['oif', 'oifname', 'type'], result) };
    }
    case 'numgen': {
      const { mode, mod, offset } = object(content);
      return {
        kind: 'numgen',
        mode: oneOf(['random', 'inc'], mode),
        modulus: number(mod),
        offset: number(offset ?? 0),
      };
    }
    case 'jhash': {
      const { mod, offset, seed, expr = null } = object(content);
      return {
        kind: 'jhash',
        of: parseExpression(expr, context),
        modulus: number(mod),
        ...(seed !== undefined && seed !== 0 && { seed: number(seed) }),
        offset: number(offset ?? 0),
      };
    }
    case '&':
    case '|':
    case '^':
    case '<<':
    case '>>':
      return parseBinary(tag, value, content, context, expected);
    case 'concat':
      return {
        kind: 'concatenation',
        parts: listOf(content).map((part, index) => {
          const type = expected?.[index];
          return parseExpression(part, context, type && [type]);
        }),
      };
    case 'set':
      return { kind: 'set', elements: listOf(content).map((element) => parseSetElement(element, expected ?? [])) };
    case 'map':
      return parseMap(object(content), context, expected);
    default:
      return { kind: 'literal', literal: parseLiteral(value, expected?.[0]) };
  }
}

function object(value: Json): JsonObject {
  if (isObject(value)) return value;
  throw new NotModelled('no object');
}

const FIELDS = Object.keys(PAYLOAD_FIELDS) as PayloadField[];

function parsePayload({ protocol, field, base, offset, len }: JsonObject, context: ExpressionContext): Expression {
  if (base !== undefined) {
    // What old versions of nft have no word for.
    if (base === 'th' && offset === 64 && len === 128) return { kind: 'payload', field: 'icmpv6 taddr' };
    throw new NotModelled('raw payload');
  }
  const name = `${text(protocol)} ${text(field)}`;
  const known = FIELDS.find((each) => each === name);
  if (known !== undefined) return { kind: 'payload', field: known };
  const transport = symbolValue('inet_proto', text(protocol));
  if (transport === undefined || (field !== 'sport' && field !== 'dport')) throw new NotModelled(name);
  context.requireTransport(transport);
  return { kind: 'payload', field: field === 'sport' ? 'th sport' : 'th dport' };
}

function parseConntrack({ key, dir, family }: JsonObject): Expression {
  const name = family === undefined ? key : `${text(family)} ${text(key)}`;
  const direction = dir === undefined ? undefined : oneOf(['original', 'reply'], dir);
  return { kind: 'ct', key: oneOf<ConntrackKey>(CONNTRACK_KEYS, name), ...(direction !== undefined && { direction }) };
}

function parseBinary(
  operator: '&' | '|' | '^' | '<<' | '>>',
  value: Json,
  content: Json,
  context: ExpressionContext,
  expected: readonly DataType[] | undefined,
): Expression {
  const operands = listOf(content);
  const isConstant = (operand: Json) => typeof operand === 'string' || typeof operand === 'number';
  if (operands.every(isConstant)) return { kind: 'literal', literal: parseLiteral(value, expected?.[0]) };
  const [first = null, ...rest] = operands;
  return rest.reduce<Expression>(
    (left, operand) => {
      const right = parseExpression(operand, context, dataTypesOf(left, context) ?? expected);
      return { kind: 'binary', operator, left, right };
    },
    parseExpression(first, context, expected),
  );
}

function parseMap(
  { key = null, data = null }: JsonObject,
  context: ExpressionContext,
  expected: readonly DataType[] | undefined,
): Expression {
  const asked = parseExpression(key, context);
  if (typeof data === 'string' && data.startsWith('@')) return { kind: 'map', key: asked, name: data.slice(1) };
  const node = tagged(data);
  if (node?.[0] !== 'set' || !isList(node[1])) throw new NotModelled('map');
  const types = dataTypesOf(asked, context) ?? [];
  return {
    kind: 'anonymous-map',
    key: asked,
    elements: node[1].map((element) => parseMapElement(element, types, expected ?? [])),
  };
}

/** The data types of what an expression gives, where that can be told. */
export function dataTypesOf(expression: Expression, context: ExpressionContext): readonly DataType[] | undefined {
  return typesOfExpression(expression, (name) => {
    const set = context.findSet(name);
    return set !== undefined && 'value' in set ? set : undefined;
  })?.map(({ type }) => type);
}
