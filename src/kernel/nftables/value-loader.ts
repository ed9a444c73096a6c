import { FlatnetError } from '../../error/flatnet-error.ts';
import { registerBytes } from '../../netfilter/data-type.ts';
import { literalBytes } from '../../netfilter/literal-bytes.ts';
import type {
  DataType,
  Expression,
  Literal,
  MapElement,
  NamedMap,
  NamedSet,
  SetElement,
  TableFamily,
} from '../../netfilter/node.ts';
import { type FieldLayout, PAYLOAD_FIELDS } from '../../netfilter/payload-field.ts';
import { typesOfExpression, type ValueType, valueTypeOf } from '../../netfilter/value-type.ts';
import type { KernelExpression, Register, SetReference } from './kernel-expression.ts';
import {
  CONNTRACK_NUMBERS,
  FIB_RESULTS,
  FIB_SELECTORS,
  META_NUMBERS,
  NUMGEN_TYPES,
  PAYLOAD_BASES,
} from './kernel-number.ts';

/** NFT_REG32_COUNT */
const REGISTERS = 16;

/** What a rule needs to know of its table. */
export interface RuleContext {
  readonly family: TableFamily;
  /** A named set or map; its elements don't matter. */
  findSet(name: string): NamedSet | NamedMap | undefined;
  /** Makes a set of which only this rule knows. */
  addAnonymous(set: NamedSet | NamedMap): SetReference;
}

export function unsupported(what: string): FlatnetError {
  return new FlatnetError({ operation: 'encode rule', code: 'unsupported', message: `${what} cannot be encoded` });
}

/** Writes the instructions of one rule that load values and name sets. */
export class ValueLoader {
  readonly context: RuleContext;
  readonly expressions: KernelExpression[] = [];

  constructor(context: RuleContext) {
    this.context = context;
  }

  named(name: string): NamedSet | NamedMap {
    const set = this.context.findSet(name);
    if (set !== undefined) return set;
    throw new FlatnetError({
      operation: 'encode rule',
      code: 'not-found',
      message: `a rule refers to @${name}, and its table has no such set or map`,
      remedy: 'add the set to the table, or in the same transaction before the rule',
    });
  }

  typesOf(expression: Expression): readonly ValueType[] | undefined {
    return typesOfExpression(expression, (name) => {
      const set = this.context.findSet(name);
      return set !== undefined && 'value' in set ? set : undefined;
    });
  }

  /** True if a named set holds intervals of single values: they are kept in network byte order. */
  isInterval(name: string): boolean {
    return isInterval(this.named(name));
  }

  anonymousSet(left: Expression, elements: readonly SetElement[]): SetReference {
    return this.context.addAnonymous({
      name: '__set%d',
      key: this.#keyTypes(left),
      ...anonymousShape(elements),
      elements,
    });
  }

  anonymousMap(key: Expression, elements: readonly MapElement[], value: NamedMap['value']): SetReference {
    return this.context.addAnonymous({
      name: '__map%d',
      key: this.#keyTypes(key),
      ...anonymousShape(elements),
      value,
      elements,
    });
  }

  #keyTypes(key: Expression): DataType[] {
    const types = this.typesOf(key);
    if (types === undefined) throw unsupported('a set looked up with a constant');
    return types.map(({ type }) => type);
  }

  /**
   * Loads an expression into registers.
   * @param expected the types of constants in it, which have none of their own
   * @returns how many words it takes
   */
  load(expression: Expression, register: Register, expected?: readonly ValueType[]): number {
    const words = this.#load(expression, register, expected);
    if (register + words > REGISTERS)
      throw new FlatnetError({
        operation: 'encode rule',
        code: 'invalid',
        message: `a value needs ${register + words} registers of 4 bytes, and there are ${REGISTERS}`,
        remedy: 'concatenate less',
      });
    return words;
  }

  #load(expression: Expression, register: Register, expected: readonly ValueType[] | undefined): number {
    const [type] = expected ?? this.typesOf(expression) ?? [];
    switch (expression.kind) {
      case 'literal': {
        if (type === undefined) throw unsupported('a constant of no known type');
        const data = literalBytes(expression.literal, type);
        this.expressions.push({ name: 'immediate', register, data });
        return wordsOf(type);
      }
      case 'payload':
        this.#loadField(PAYLOAD_FIELDS[expression.field], register);
        break;
      case 'meta':
        this.expressions.push({ name: 'meta', register, key: META_NUMBERS[expression.key] });
        break;
      case 'ct': {
        const direction = expression.direction && (expression.direction === 'original' ? 0 : 1);
        const key = CONNTRACK_NUMBERS[expression.key];
        this.expressions.push({ name: 'ct', register, key, ...(direction !== undefined && { direction }) });
        break;
      }
      case 'fib': {
        const flags = expression.selectors.reduce((sum, selector) => sum | FIB_SELECTORS[selector], 0);
        this.expressions.push({ name: 'fib', register, result: FIB_RESULTS[expression.result], flags });
        break;
      }
      case 'numgen': {
        const { modulus, offset, mode } = expression;
        this.expressions.push({ name: 'numgen', register, modulus, type: NUMGEN_TYPES[mode], offset });
        break;
      }
      case 'jhash': {
        const { modulus, seed, offset } = expression;
        const length = 4 * this.load(expression.of, register + 1);
        const source = register + 1;
        this.expressions.push({ name: 'hash', source, register, length, modulus, seed, offset });
        break;
      }
      case 'binary':
        return this.#loadBinary(expression, register, expected);
      case 'concatenation': {
        let words = 0;
        for (const [index, part] of expression.parts.entries()) {
          const own = expected?.[index];
          words += this.load(part, register + words, own && [own]);
        }
        return words;
      }
      case 'map':
      case 'anonymous-map':
        return this.#loadMapped(expression, register, expected);
      case 'set':
      case 'set-reference':
        throw unsupported('a set in place of a value');
      default: {
        const never: never = expression;
        return never;
      }
    }
    const [own] = this.typesOf(expression) ?? [];
    return own === undefined ? 1 : wordsOf(own);
  }

  #loadField({ base, offset, bytes, shift }: FieldLayout, register: Register): void {
    this.expressions.push({ name: 'payload', register, base: PAYLOAD_BASES[base], offset, length: bytes });
    if (shift === undefined) return;
    const mask = Uint8Array.of((0xff << shift) & 0xff);
    this.expressions.push({ name: 'bitwise', source: register, register, mask, xor: new Uint8Array(1) });
  }

  #loadBinary(
    { left, operator, right }: Extract<Expression, { kind: 'binary' }>,
    register: Register,
    expected: readonly ValueType[] | undefined,
  ): number {
    const words = this.load(left, register, expected);
    const [type] = this.typesOf(left) ?? expected ?? [];
    if (right.kind !== 'literal' || type === undefined) throw unsupported(`${operator} with anything but a constant`);
    if (operator === '<<' || operator === '>>') {
      const bits = right.literal.kind === 'number' ? right.literal.value : 0;
      this.expressions.push({
        name: 'shift',
        source: register,
        register,
        length: type.bytes,
        direction: operator,
        bits,
      });
      return words;
    }
    const operand = literalBytes(right.literal, type);
    const ones = new Uint8Array(type.bytes).fill(0xff);
    const mask = operator === '&' ? operand : operator === '|' ? operand.map((byte) => ~byte) : ones;
    const xor = operator === '&' ? new Uint8Array(type.bytes) : operand;
    this.expressions.push({ name: 'bitwise', source: register, register, mask, xor });
    return words;
  }

  #loadMapped(
    expression: Extract<Expression, { kind: 'map' | 'anonymous-map' }>,
    register: Register,
    expected: readonly ValueType[] | undefined,
  ): number {
    const named = expression.kind === 'map' ? this.named(expression.name) : undefined;
    this.load(expression.key, register, named?.key.map(valueTypeOf));
    const interval =
      expression.kind === 'map' ? this.isInterval(expression.name) : expression.elements.some(coversMany);
    if (interval) this.toNetworkOrder(register, this.typesOf(expression.key));
    const types = named === undefined ? expected : this.typesOf(expression);
    if (types === undefined) throw unsupported('a map whose values are of no known type');
    const set =
      expression.kind === 'map'
        ? { name: expression.name }
        : this.anonymousMap(
            expression.key,
            expression.elements,
            types.map(({ type }) => type),
          );
    this.expressions.push({ name: 'lookup', set, source: register, destination: register, inverted: false });
    return types.reduce((sum, type) => sum + wordsOf(type), 0);
  }

  /** Numbers are compared by their size in network byte order only. */
  toNetworkOrder(register: Register, types: readonly ValueType[] | undefined): void {
    const [type] = types ?? [];
    if (types?.length !== 1 || type === undefined || type.order === 'big' || type.bytes === 1) return;
    if (type.bytes !== 2 && type.bytes !== 4) throw unsupported(`an interval of ${type.type}`);
    const { bytes } = type;
    this.expressions.push({ name: 'byteorder', source: register, register, length: bytes, size: bytes });
  }
}

function wordsOf(type: ValueType): number {
  return registerBytes(type.bytes) / 4;
}

/** Only sets of single values are told their size: older kernels count both ends of an interval. */
function anonymousShape(elements: readonly SetElement[]): Pick<NamedSet, 'flags' | 'size'> {
  return elements.some(coversMany)
    ? { flags: ['constant', 'interval'] }
    : { flags: ['constant'], size: elements.length };
}

/** True for an element that is an interval. */
export function coversMany(element: SetElement): boolean {
  return element.key.some((literal: Literal) => literal.kind === 'prefix' || literal.kind === 'range');
}

/** True for a set of single values that holds intervals. */
function isInterval(set: NamedSet | NamedMap): boolean {
  return set.flags.includes('interval') && set.key.length === 1;
}
