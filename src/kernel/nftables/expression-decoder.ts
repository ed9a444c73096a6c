import type { Verdict } from '../../netfilter/node.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import { NFTA_DATA } from './attribute-type.ts';
import {
  BITWISE,
  BYTEORDER,
  CMP,
  CT,
  DYNSET,
  EXPRESSION,
  FIB,
  HASH,
  IMMEDIATE,
  LIMIT,
  LOG,
  LOOKUP,
  MASQ,
  META,
  NAT,
  NUMGEN,
  PAYLOAD,
  QUEUE,
  RANGE,
  REDIR,
  REJECT,
} from './expression-attribute.ts';
import { COMPARE_OPERATORS, type KernelExpression, type Register, type RegisterRange } from './kernel-expression.ts';
import { decodeVerdict } from './verdict-codec.ts';

/** Reads a list of expressions (NFTA_RULE_EXPRESSIONS); what isn't modelled becomes `unknown`. */
export function decodeExpressions(list: AttributeReader): KernelExpression[] {
  const expressions: KernelExpression[] = [];
  while (list.next()) expressions.push(decodeExpression(list.nested()));
  return expressions;
}

/** NF_NAT_RANGE_MAP_IPS and PROTO_SPECIFIED follow from the registers: `linux/netfilter/nf_nat.h`. */
const IMPLIED_NAT_FLAGS = 3;

function decodeExpression(attributes: AttributeReader): KernelExpression {
  let name = '';
  let data: AttributeReader | undefined;
  while (attributes.next()) {
    if (attributes.type === EXPRESSION.name) name = attributes.string();
    else if (attributes.type === EXPRESSION.data) data = attributes.nested();
  }
  return decodeNamed(name, new ExpressionAttributes(data)) ?? { name: 'unknown', kind: name };
}

/** The attributes of one expression by their types. */
class ExpressionAttributes {
  readonly #numbers = new Map<number, number>();
  readonly #wide = new Map<number, bigint>();
  readonly #texts = new Map<number, string>();
  readonly #nested = new Map<number, () => AttributeReader>();

  constructor(attributes: AttributeReader | undefined) {
    while (attributes?.next()) {
      const { type, length } = attributes;
      if (length === 1) this.#numbers.set(type, attributes.u8());
      else if (length === 2) this.#numbers.set(type, attributes.be16());
      else if (length === 4) this.#numbers.set(type, attributes.be32());
      if (length === 8) this.#wide.set(type, attributes.be64());
      this.#texts.set(type, attributes.string());
      const nested = attributes.bytes();
      this.#nested.set(
        type,
        () => new AttributeReader(Buffer.from(nested.buffer, nested.byteOffset, nested.length), 0, nested.length),
      );
    }
  }

  number(type: number): number {
    return this.#numbers.get(type) ?? 0;
  }

  maybe(type: number): number | undefined {
    return this.#numbers.get(type);
  }

  wide(type: number): number | undefined {
    const value = this.#wide.get(type);
    return value === undefined ? undefined : Number(value);
  }

  text(type: number): string | undefined {
    return this.#texts.get(type);
  }

  /** The bytes of NFTA_DATA_VALUE. */
  value(type: number): Uint8Array | undefined {
    const { value } = this.#data(type);
    return value;
  }

  verdict(type: number): Verdict | undefined {
    const { verdict } = this.#data(type);
    return verdict;
  }

  #data(type: number): { readonly value?: Uint8Array; readonly verdict?: Verdict | undefined } {
    const start = this.#nested.get(type)?.();
    while (start?.next()) {
      if (start.type === NFTA_DATA.value) return { value: start.copy() };
      if (start.type === NFTA_DATA.verdict) return { verdict: decodeVerdict(start.nested()) };
    }
    return {};
  }

  /** Registers come as NFT_REG_1 to 4, of four words each, where they begin at one of those. */
  register(type: number): Register | undefined {
    const number = this.#numbers.get(type);
    if (number === undefined || number === 0) return undefined;
    return number >= 8 ? number - 8 : (number - 1) * 4;
  }

  range(from: number, to: number): RegisterRange | undefined {
    const first = this.register(from);
    if (first === undefined) return undefined;
    const last = this.register(to);
    return last === undefined || last === first ? { from: first } : { from: first, to: last };
  }
}

function decodeNamed(name: string, a: ExpressionAttributes): KernelExpression | undefined {
  switch (name) {
    case 'payload': {
      const field = {
        base: a.number(PAYLOAD.base),
        offset: a.number(PAYLOAD.offset),
        length: a.number(PAYLOAD.length),
      };
      const register = a.register(PAYLOAD.destination);
      if (register !== undefined) return { name, register, ...field };
      const source = a.register(PAYLOAD.source) ?? 0;
      const checksum = a.number(PAYLOAD.checksumType) === 1 ? a.maybe(PAYLOAD.checksumOffset) : undefined;
      const pseudoHeader = a.number(PAYLOAD.checksumFlags) === 1;
      return {
        name: 'payload-write',
        register: source,
        ...field,
        ...(checksum !== undefined && { checksum }),
        pseudoHeader,
      };
    }
    case 'meta': {
      const register = a.register(META.destination);
      const key = a.number(META.key);
      if (register !== undefined) return { name, register, key };
      return { name: 'meta-write', register: a.register(META.source) ?? 0, key };
    }
    case 'ct': {
      const register = a.register(CT.destination);
      const direction = a.maybe(CT.direction);
      const rest = { key: a.number(CT.key), ...(direction !== undefined && { direction }) };
      if (register !== undefined) return { name, register, ...rest };
      return { name: 'ct-write', register: a.register(CT.source) ?? 0, ...rest };
    }
    case 'fib':
      return {
        name,
        register: a.register(FIB.destination) ?? 0,
        result: a.number(FIB.result),
        flags: a.number(FIB.flags),
      };
    case 'numgen':
      return {
        name,
        register: a.register(NUMGEN.destination) ?? 0,
        modulus: a.number(NUMGEN.modulus),
        type: a.number(NUMGEN.type),
        offset: a.number(NUMGEN.offset),
      };
    case 'hash':
      if (a.number(HASH.type) !== 0) return undefined;
      return {
        name,
        source: a.register(HASH.source) ?? 0,
        register: a.register(HASH.destination) ?? 0,
        length: a.number(HASH.length),
        modulus: a.number(HASH.modulus),
        seed: a.maybe(HASH.seed),
        offset: a.number(HASH.offset),
      };
    case 'lookup': {
      const destination = a.maybe(LOOKUP.destination) === 0 ? 'verdict' : a.register(LOOKUP.destination);
      return {
        name,
        set: { name: a.text(LOOKUP.set) ?? '' },
        source: a.register(LOOKUP.source) ?? 0,
        ...(destination !== undefined && { destination }),
        inverted: a.number(LOOKUP.flags) === 1,
      };
    }
    case 'bitwise':
      return decodeBitwise(a);
    case 'byteorder':
      return {
        name,
        source: a.register(BYTEORDER.source) ?? 0,
        register: a.register(BYTEORDER.destination) ?? 0,
        length: a.number(BYTEORDER.length),
        size: a.number(BYTEORDER.size),
      };
    case 'cmp': {
      const operator = COMPARE_OPERATORS[a.number(CMP.operation)];
      const data = a.value(CMP.data);
      if (operator === undefined || data === undefined) return undefined;
      return { name, register: a.register(CMP.source) ?? 0, operator, data };
    }
    case 'range': {
      const from = a.value(RANGE.from);
      const to = a.value(RANGE.to);
      if (from === undefined || to === undefined) return undefined;
      return { name, register: a.register(RANGE.source) ?? 0, inverted: a.number(RANGE.operation) === 1, from, to };
    }
    case 'immediate': {
      const register = a.register(IMMEDIATE.destination);
      const data = a.value(IMMEDIATE.data);
      if (register !== undefined) return data && { name, register, data };
      const verdict = a.verdict(IMMEDIATE.data);
      return verdict && { name: 'verdict', verdict };
    }
    case 'queue':
      return { name: 'verdict', verdict: { kind: 'queue', number: a.number(QUEUE.number) } };
    case 'nat': {
      const address = a.range(NAT.addressFrom, NAT.addressTo);
      const port = a.range(NAT.portFrom, NAT.portTo);
      return {
        name,
        type: a.number(NAT.type) === 0 ? 'snat' : 'dnat',
        family: a.number(NAT.family),
        ...(address !== undefined && { address }),
        ...(port !== undefined && { port }),
        flags: a.number(NAT.flags) & ~IMPLIED_NAT_FLAGS,
      };
    }
    case 'masq':
    case 'redir': {
      const attribute = name === 'masq' ? MASQ : REDIR;
      const port = a.range(attribute.portFrom, attribute.portTo);
      return { name, ...(port !== undefined && { port }), flags: a.number(attribute.flags) & ~IMPLIED_NAT_FLAGS };
    }
    case 'reject':
      return { name, type: a.number(REJECT.type), code: a.number(REJECT.code) };
    case 'notrack':
    case 'counter':
      return { name };
    case 'limit':
      return {
        name,
        rate: a.wide(LIMIT.rate) ?? 0,
        unit: a.wide(LIMIT.unit) ?? 1,
        burst: a.number(LIMIT.burst),
        bytes: a.number(LIMIT.type) === 1,
        inverted: a.number(LIMIT.flags) === 1,
      };
    case 'log': {
      const prefix = a.text(LOG.prefix);
      const group = a.maybe(LOG.group);
      return { name, ...(prefix !== undefined && { prefix }), ...(group !== undefined && { group }) };
    }
    case 'dynset': {
      const data = a.register(DYNSET.data);
      const timeout = a.wide(DYNSET.timeout);
      return {
        name,
        set: { name: a.text(DYNSET.set) ?? '' },
        operation: a.number(DYNSET.operation),
        key: a.register(DYNSET.key) ?? 0,
        ...(data !== undefined && { data }),
        ...(timeout !== undefined && timeout !== 0 && { timeout }),
      };
    }
    default:
      return undefined;
  }
}

function decodeBitwise(a: ExpressionAttributes): KernelExpression | undefined {
  const registers = { source: a.register(BITWISE.source) ?? 0, register: a.register(BITWISE.destination) ?? 0 };
  const operation = a.number(BITWISE.operation);
  if (operation === 1 || operation === 2) {
    const data = a.value(BITWISE.data);
    if (data === undefined) return undefined;
    const bits = new DataView(data.buffer).getUint32(0, true);
    const direction = operation === 1 ? '<<' : '>>';
    return { name: 'shift', ...registers, length: a.number(BITWISE.length), direction, bits };
  }
  const mask = a.value(BITWISE.mask);
  const xor = a.value(BITWISE.xor);
  return operation !== 0 || mask === undefined || xor === undefined
    ? undefined
    : { name: 'bitwise', ...registers, mask, xor };
}
