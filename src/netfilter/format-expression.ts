import { formatElement, formatLiteral } from './format-literal.ts';
import type { DataType, Expression, MetaKey, NamedMap, NamedSet, PayloadField, TableFamily } from './node.ts';
import { typesOfExpression } from './value-type.ts';

/** What printing a rule needs to know of its table, and of what came before in the rule. */
export interface FormatContext {
  readonly family: TableFamily;
  findSet(name: string): NamedSet | NamedMap | undefined;
  /** The transport protocol that the packet is known to be of: its name stands in place of `th`. */
  readonly transport?: string;
}

/** Keys that nft writes without `meta` before them. */
const BARE_META: ReadonlySet<MetaKey> = new Set([
  'iif',
  'oif',
  'iifname',
  'oifname',
  'iiftype',
  'oiftype',
  'iifgroup',
  'oifgroup',
]);

/** The types of what an expression gives, where that can be told. */
export function dataTypes(expression: Expression, context: FormatContext): readonly DataType[] | undefined {
  const types = typesOfExpression(expression, (name) => {
    const set = context.findSet(name);
    return set !== undefined && 'value' in set ? set : undefined;
  });
  return types?.map(({ type }) => type);
}

function formatField(field: PayloadField, { transport }: FormatContext): string {
  if (transport !== undefined && field.startsWith('th ')) return `${transport} ${field.slice(3)}`;
  return field;
}

/**
 * An expression as nft writes it.
 * @param expected the types of constants in it, which have none of their own
 */
export function formatExpression(
  expression: Expression,
  context: FormatContext,
  expected?: readonly DataType[],
): string {
  switch (expression.kind) {
    case 'literal':
      return formatLiteral(expression.literal, expected?.[0]);
    case 'payload':
      return formatField(expression.field, context);
    case 'meta':
      return BARE_META.has(expression.key) ? expression.key : `meta ${expression.key}`;
    case 'ct':
      return `ct ${expression.direction === undefined ? '' : `${expression.direction} `}${expression.key}`;
    case 'fib':
      return `fib ${expression.selectors.join(' . ')} ${expression.result}`;
    case 'numgen':
      return `numgen ${expression.mode} mod ${expression.modulus}${offset(expression.offset)}`;
    case 'jhash': {
      const seed = expression.seed === undefined ? '' : ` seed 0x${expression.seed.toString(16)}`;
      return `jhash ${formatExpression(expression.of, context)} mod ${expression.modulus}${seed}${offset(expression.offset)}`;
    }
    case 'binary': {
      const types = dataTypes(expression.left, context) ?? expected;
      const left = formatExpression(expression.left, context, types);
      const nested = expression.left.kind === 'binary' ? `(${left})` : left;
      const right = expression.right;
      // Masks are numbers, even of types whose values have words.
      const operand =
        right.kind === 'literal' && right.literal.kind === 'number'
          ? types?.[0] === 'mark'
            ? formatLiteral(right.literal, 'mark')
            : `0x${right.literal.value.toString(16)}`
          : right.kind === 'binary'
            ? `(${formatExpression(right, context, types)})`
            : formatExpression(right, context, types);
      return `${nested} ${expression.operator} ${operand}`;
    }
    case 'concatenation':
      return expression.parts.map((part, index) => formatExpression(part, context, slice(expected, index))).join(' . ');
    case 'set':
      return braces(expression.elements.map((element) => formatElement(element, expected, undefined)));
    case 'set-reference':
      return `@${expression.name}`;
    case 'map':
      return `${formatExpression(expression.key, context)} map @${expression.name}`;
    case 'anonymous-map': {
      const key = dataTypes(expression.key, context);
      const elements = expression.elements.map((element) => formatElement(element, key, expected));
      return `${formatExpression(expression.key, context)} map ${braces(elements)}`;
    }
    default: {
      const never: never = expression;
      return never;
    }
  }
}

function slice(types: readonly DataType[] | undefined, index: number): readonly DataType[] | undefined {
  const type = types?.[index];
  return type === undefined ? undefined : [type];
}

function offset(value: number): string {
  return value === 0 ? '' : ` offset ${value}`;
}

/** `{ a, b }`. */
export function braces(elements: readonly string[]): string {
  return `{ ${elements.join(', ')} }`;
}
