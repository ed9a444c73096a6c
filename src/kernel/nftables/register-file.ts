import { registerBytes } from '../../netfilter/data-type.ts';
import { readLiteral } from '../../netfilter/literal-bytes.ts';
import type { DataType, Expression, Literal } from '../../netfilter/node.ts';
import { type ValueType, valueTypeOf } from '../../netfilter/value-type.ts';
import type { Register, RegisterRange } from './kernel-expression.ts';
import { type ComputedValue, type RegisterValue, withoutPending } from './register-value.ts';

/** Stands for whatever isn't modelled: a rule becomes `unknown` from there on. */
export class NotModelled extends Error {}

/** What the registers hold while the instructions of a rule are read. */
export class RegisterFile {
  readonly #values = new Map<Register, RegisterValue>();

  get(register: Register): RegisterValue | undefined {
    return this.#values.get(register);
  }

  set(register: Register, value: RegisterValue): void {
    this.#values.set(register, value);
  }

  put(register: Register, expression: Expression, type: ValueType, more: Partial<ComputedValue> = {}): void {
    this.#values.set(register, { kind: 'computed', expression, type, ...more });
  }

  /** @throws NotModelled where there is anything but a computed value */
  computed(register: Register): ComputedValue {
    const value = this.#values.get(register);
    if (value?.kind !== 'computed') throw new NotModelled(`register ${register}`);
    return value;
  }

  /** A register's value; a constant is read as one of the given type. */
  value(register: Register, type: ValueType): Expression {
    const value = this.#values.get(register);
    if (value?.kind === 'constant') return { kind: 'literal', literal: readLiteral(value.bytes, 0, type) };
    return withoutPending(this.computed(register));
  }

  /** Both ends of a range, or one value. */
  bounds({ from, to }: RegisterRange, type: ValueType): Expression {
    const first = this.value(from, type);
    if (to === undefined) return first;
    const last = this.value(to, type);
    const ends: (Literal | undefined)[] = [first, last].map((end) =>
      end.kind === 'literal' ? end.literal : undefined,
    );
    const [low, high] = ends;
    if (low === undefined || high === undefined) throw new NotModelled('a range of what is computed');
    return { kind: 'literal', literal: { kind: 'range', from: low, to: high } };
  }

  /** The values from a register on, of these types. */
  gather(register: Register, types: readonly DataType[]): Expression {
    let at = register;
    const parts = types.map((name) => {
      const type = valueTypeOf(name);
      const part = this.#values.get(at)?.kind === 'continued' ? undefined : this.value(at, type);
      at += registerBytes(type.bytes) / 4;
      return part;
    });
    // A map's value fills the places of several parts.
    const expressions = parts.filter((part) => part !== undefined);
    const [only] = expressions;
    return expressions.length === 1 && only !== undefined ? only : { kind: 'concatenation', parts: expressions };
  }

  /** The values that fill some bytes from a register on. */
  gatherLength(register: Register, bytes: number): Expression {
    const types: DataType[] = [];
    for (let at = register; (at - register) * 4 < bytes; ) {
      const { type } = this.computed(at);
      types.push(type.type);
      at += registerBytes(type.bytes) / 4;
    }
    return this.gather(register, types);
  }
}
