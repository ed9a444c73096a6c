import { registerBytes } from '../../netfilter/data-type.ts';
import { isMap } from '../../netfilter/element-key.ts';
import { establishedFact } from '../../netfilter/header-dependency.ts';
import type {
  ConntrackKey,
  Expression,
  MetaKey,
  NamedMap,
  NamedSet,
  NatFlag,
  Statement,
  TableFamily,
} from '../../netfilter/node.ts';
import type { HeaderDependency } from '../../netfilter/payload-field.ts';
import { PAYLOAD_FIELDS } from '../../netfilter/payload-field.ts';
import { conntrackType, metaType, valueTypeOf } from '../../netfilter/value-type.ts';
import { fieldAt } from './field-reader.ts';
import type { KernelExpression } from './kernel-expression.ts';
import {
  CONNTRACK_NUMBERS,
  DYNSET_OPERATIONS,
  FIB_PRESENT,
  FIB_RESULTS,
  FIB_SELECTORS,
  META_NUMBERS,
  NAT_FLAGS,
  NUMGEN_TYPES,
  RATE_UNITS,
  rejectType,
} from './kernel-number.ts';
import { comparison, joinedRange, rangeComparison } from './match-disassembler.ts';
import { readFieldWrite, readWordWrite } from './payload-write-disassembler.ts';
import { NotModelled, RegisterFile } from './register-file.ts';
import { withoutPending } from './register-value.ts';

/** What a rule's instructions name by name only. */
export interface DisassemblyContext {
  readonly family: TableFamily;
  /** A set or map of the rule's table; an anonymous one with its elements. */
  findSet(name: string): { readonly anonymous: boolean; readonly set: NamedSet | NamedMap } | undefined;
}

/**
 * The statements that a rule's instructions stand for: assembleRule's inverse, up to canonicalRule. From the first
 * instruction that isn't understood, the rest is one `unknown` statement.
 */
export function disassembleRule(expressions: readonly KernelExpression[], context: DisassemblyContext): Statement[] {
  const disassembler = new RuleDisassembler(context);
  for (const [index, expression] of expressions.entries()) {
    try {
      disassembler.read(expression);
    } catch (error) {
      if (!(error instanceof NotModelled)) throw error;
      const rest = expressions.slice(index).map((each) => (each.name === 'unknown' ? each.kind : each.name));
      disassembler.statements.push({ kind: 'unknown', text: rest.map((name) => `[ ${name} ]`).join(' ') });
      break;
    }
  }
  return disassembler.statements;
}

function nameOf<Name extends string>(numbers: Readonly<Record<Name, number>>, number: number): Name {
  const names = Object.keys(numbers) as Name[];
  const found = names.find((name) => numbers[name] === number);
  if (found === undefined) throw new NotModelled(`number ${number}`);
  return found;
}

/** The flags whose bits are set. */
function namesOf<Name extends string>(numbers: Readonly<Record<Name, number>>, bits: number): Name[] {
  return (Object.keys(numbers) as Name[]).filter((name) => (bits & numbers[name]) !== 0);
}

class RuleDisassembler {
  readonly statements: Statement[] = [];
  readonly #context: DisassemblyContext;
  readonly #registers = new RegisterFile();
  readonly #facts: HeaderDependency[] = [];
  /** Whether the last instruction compared: one that follows it compares the same register. */
  #compared = false;

  constructor(context: DisassemblyContext) {
    this.#context = context;
  }

  #push(statement: Statement): void {
    this.statements.push(statement);
    const fact = establishedFact(statement);
    if (fact !== undefined) this.#facts.push(fact);
  }

  read(expression: KernelExpression): void {
    this.#read(expression);
    this.#compared = expression.name === 'cmp';
  }

  #read(expression: KernelExpression): void {
    switch (expression.name) {
      case 'payload': {
        const field = fieldAt(expression, this.#context.family, this.#facts);
        if (field === undefined) {
          if (expression.length !== 2) throw new NotModelled('payload');
          this.#registers.set(expression.register, { kind: 'word' });
          return;
        }
        const { type } = PAYLOAD_FIELDS[field];
        const order = type === 'integer' ? 'big' : valueTypeOf(type).order;
        this.#registers.put(expression.register, { kind: 'payload', field }, { type, bytes: expression.length, order });
        return;
      }
      case 'meta': {
        const key: MetaKey = nameOf(META_NUMBERS, expression.key);
        this.#registers.put(expression.register, { kind: 'meta', key }, metaType(key));
        return;
      }
      case 'ct': {
        const key: ConntrackKey = nameOf(CONNTRACK_NUMBERS, expression.key);
        const direction =
          expression.direction === undefined ? undefined : expression.direction === 0 ? 'original' : 'reply';
        this.#registers.put(
          expression.register,
          { kind: 'ct', key, ...(direction && { direction }) },
          conntrackType(key),
        );
        return;
      }
      case 'fib': {
        const result = nameOf(FIB_RESULTS, expression.result);
        const type = valueTypeOf(result === 'oif' ? 'iface_index' : result === 'oifname' ? 'ifname' : 'fib_addrtype');
        const selectors = namesOf(FIB_SELECTORS, expression.flags);
        const presence = (expression.flags & FIB_PRESENT) !== 0;
        this.#registers.put(expression.register, { kind: 'fib', selectors, result }, type, { presence });
        return;
      }
      case 'numgen': {
        const { modulus, offset } = expression;
        const mode = nameOf(NUMGEN_TYPES, expression.type);
        this.#registers.put(expression.register, { kind: 'numgen', mode, modulus, offset }, valueTypeOf('integer'));
        return;
      }
      case 'hash': {
        const { modulus, seed, offset, length } = expression;
        const of = this.#registers.gatherLength(expression.source, length);
        this.#registers.put(
          expression.register,
          { kind: 'jhash', of, modulus, ...(seed && { seed }), offset },
          valueTypeOf('integer'),
        );
        return;
      }
      case 'bitwise': {
        const value = this.#registers.get(expression.source);
        const { mask, xor } = expression;
        if (value?.kind === 'word') {
          this.#registers.set(expression.register, { kind: 'word', mask, xor });
          return;
        }
        const { type } = this.#registers.computed(expression.source);
        const pending = { mask, xor };
        this.#registers.put(expression.register, withoutPending(this.#registers.computed(expression.source)), type, {
          pending,
        });
        return;
      }
      case 'shift': {
        const value = this.#registers.computed(expression.source);
        const right: Expression = { kind: 'literal', literal: { kind: 'number', value: expression.bits } };
        const left = withoutPending(value);
        this.#registers.put(
          expression.register,
          { kind: 'binary', operator: expression.direction, left, right },
          value.type,
        );
        return;
      }
      case 'byteorder':
        this.#registers.set(expression.register, { ...this.#registers.computed(expression.source), ordered: true });
        return;
      case 'immediate':
        this.#registers.set(expression.register, { kind: 'constant', bytes: expression.data });
        return;
      case 'cmp': {
        const statement = comparison(this.#registers.computed(expression.register), expression);
        const range = this.#compared ? joinedRange(this.statements.at(-1), statement) : undefined;
        if (range === undefined) this.#push(statement);
        else this.statements[this.statements.length - 1] = range;
        return;
      }
      case 'range':
        this.#push(rangeComparison(this.#registers.computed(expression.register), expression));
        return;
      case 'lookup':
        this.#lookup(expression);
        return;
      case 'verdict':
        this.#push({ kind: 'verdict', verdict: expression.verdict });
        return;
      default:
        this.#act(expression);
    }
  }

  #act(expression: Exclude<KernelExpression, { name: LoadingName }>): void {
    switch (expression.name) {
      case 'payload-write':
        this.#push(this.#payloadWrite(expression));
        return;
      case 'meta-write': {
        const key: MetaKey = nameOf(META_NUMBERS, expression.key);
        this.#push({ kind: 'set-meta', key, value: this.#registers.value(expression.register, metaType(key)) });
        return;
      }
      case 'ct-write': {
        const key: ConntrackKey = nameOf(CONNTRACK_NUMBERS, expression.key);
        this.#push({ kind: 'set-ct', key, value: this.#registers.value(expression.register, conntrackType(key)) });
        return;
      }
      case 'nat': {
        const family = expression.family === 10 ? 'ip6' : 'ip';
        const own = this.#context.family === 'ip' || this.#context.family === 'ip6';
        const address =
          expression.address &&
          this.#registers.bounds(expression.address, valueTypeOf(family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr'));
        const continued =
          expression.port !== undefined && this.#registers.get(expression.port.from)?.kind === 'continued';
        const port =
          expression.port && !continued
            ? this.#registers.bounds(expression.port, valueTypeOf('inet_service'))
            : undefined;
        this.#push({
          kind: 'nat',
          type: expression.type,
          ...(!own && { family }),
          ...(address !== undefined && { address }),
          ...(port !== undefined && { port }),
          flags: this.#natFlags(expression.flags),
        });
        return;
      }
      case 'masq':
      case 'redir': {
        const port = expression.port && this.#registers.bounds(expression.port, valueTypeOf('inet_service'));
        const kind = expression.name === 'masq' ? 'masquerade' : 'redirect';
        this.#push({ kind, ...(port !== undefined && { port }), flags: this.#natFlags(expression.flags) });
        return;
      }
      case 'reject': {
        const type = rejectType(expression, this.#context.family);
        if (type === undefined) throw new NotModelled('reject');
        this.#push({ kind: 'reject', with: type });
        return;
      }
      case 'limit': {
        const { rate, burst, bytes, inverted } = expression;
        const per = nameOf(RATE_UNITS, expression.unit);
        this.#push({ kind: 'limit', rate, per, burst, over: inverted, unit: bytes ? 'bytes' : 'packets' });
        return;
      }
      case 'log': {
        const { name: kind, prefix, group } = expression;
        this.#push({ kind, ...(prefix !== undefined && { prefix }), ...(group !== undefined && { group }) });
        return;
      }
      case 'dynset': {
        const { set } = this.#set(expression.set.name);
        const { data, timeout } = expression;
        const value =
          data !== undefined && isMap(set) && set.value !== 'verdict'
            ? this.#registers.gather(data, set.value)
            : undefined;
        this.#push({
          kind: 'dynamic-set',
          operation: nameOf(DYNSET_OPERATIONS, expression.operation),
          set: set.name,
          key: this.#registers.gather(expression.key, set.key),
          ...(value !== undefined && { value }),
          ...(timeout !== undefined && { timeout }),
        });
        return;
      }
      case 'counter':
      case 'notrack':
        this.#push({ kind: expression.name });
        return;
      case 'unknown':
        throw new NotModelled(expression.kind);
      default:
        expression satisfies never;
    }
  }

  #payloadWrite(expression: Extract<KernelExpression, { name: 'payload-write' }>): Statement {
    const { family } = this.#context;
    const word = this.#registers.get(expression.register);
    const statement =
      word?.kind === 'word'
        ? readWordWrite(expression, word, family, this.#facts)
        : readFieldWrite(expression, family, this.#facts, (type) => this.#registers.value(expression.register, type));
    if (statement === undefined) throw new NotModelled('payload');
    return statement;
  }

  #natFlags(bits: number): NatFlag[] {
    return namesOf(NAT_FLAGS, bits).sort();
  }

  #set(name: string) {
    const found = this.#context.findSet(name);
    if (found === undefined) throw new NotModelled(`set ${name}`);
    return found;
  }

  #lookup(expression: Extract<KernelExpression, { name: 'lookup' }>): void {
    const { set, anonymous } = this.#set(expression.set.name);
    const key = this.#registers.gather(expression.source, set.key);
    if (expression.destination === undefined) {
      const right: Expression = anonymous
        ? { kind: 'set', elements: set.elements }
        : { kind: 'set-reference', name: set.name };
      this.#push({ kind: 'match', operator: expression.inverted ? '!=' : '==', left: key, right });
      return;
    }
    if (!isMap(set)) throw new NotModelled(`set ${set.name} with a destination`);
    if (expression.destination === 'verdict') {
      this.#push({ kind: 'vmap', key, map: anonymous ? { elements: set.elements } : { name: set.name } });
      return;
    }
    if (set.value === 'verdict') throw new NotModelled(`map ${set.name} to verdicts`);
    const mapped: Expression = anonymous
      ? { kind: 'anonymous-map', key, elements: set.elements }
      : { kind: 'map', key, name: set.name };
    let register = expression.destination;
    for (const [index, name] of set.value.entries()) {
      const type = valueTypeOf(name);
      if (index === 0) this.#registers.put(register, mapped, type);
      else this.#registers.set(register, { kind: 'continued' });
      register += registerBytes(type.bytes) / 4;
    }
  }
}

type LoadingName =
  | 'payload'
  | 'meta'
  | 'ct'
  | 'fib'
  | 'numgen'
  | 'hash'
  | 'bitwise'
  | 'shift'
  | 'byteorder'
  | 'immediate'
  | 'cmp'
  | 'range'
  | 'lookup'
  | 'verdict';
