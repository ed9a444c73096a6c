import type { MessageBuilder } from '../netlink/message-builder.ts';
import { NFTA_DATA, NFTA_LIST_ELEM } from './attribute-type.ts';
import {
  BITWISE,
  BYTEORDER,
  CMP,
  COUNTER,
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
import { COMPARE_OPERATORS, type KernelExpression, type Register } from './kernel-expression.ts';
import { encodeVerdict } from './verdict-codec.ts';

/** NFT_REG32_00; register 0 is the verdict's. */
const FIRST_REGISTER = 8;
const VERDICT_REGISTER = 0;

/** Writes one expression into a list of them. */
export function encodeExpression(builder: MessageBuilder, expression: KernelExpression): void {
  const element = builder.beginNest(NFTA_LIST_ELEM);
  builder.string(EXPRESSION.name, kernelName(expression));
  const data = builder.beginNest(EXPRESSION.data);
  encodeAttributes(builder, expression);
  builder.endNest(data).endNest(element);
}

function kernelName(expression: KernelExpression): string {
  switch (expression.name) {
    case 'payload-write':
      return 'payload';
    case 'meta-write':
      return 'meta';
    case 'ct-write':
      return 'ct';
    case 'shift':
      return 'bitwise';
    case 'verdict':
      return expression.verdict.kind === 'queue' ? 'queue' : 'immediate';
    case 'unknown':
      return expression.kind;
    default:
      return expression.name;
  }
}

function register(builder: MessageBuilder, type: number, word: Register | undefined): void {
  if (word !== undefined) builder.be32(type, FIRST_REGISTER + word);
}

function value(builder: MessageBuilder, type: number, bytes: Uint8Array): void {
  const nest = builder.beginNest(type);
  builder.attribute(NFTA_DATA.value, bytes).endNest(nest);
}

function encodeAttributes(builder: MessageBuilder, expression: KernelExpression): void {
  switch (expression.name) {
    case 'payload':
    case 'payload-write':
      register(builder, expression.name === 'payload' ? PAYLOAD.destination : PAYLOAD.source, expression.register);
      builder.be32(PAYLOAD.base, expression.base);
      builder.be32(PAYLOAD.offset, expression.offset).be32(PAYLOAD.length, expression.length);
      if (expression.name === 'payload') return;
      if (expression.checksum !== undefined)
        builder.be32(PAYLOAD.checksumType, 1).be32(PAYLOAD.checksumOffset, expression.checksum);
      builder.be32(PAYLOAD.checksumFlags, expression.pseudoHeader ? 1 : 0);
      return;
    case 'meta':
    case 'meta-write':
      builder.be32(META.key, expression.key);
      register(builder, expression.name === 'meta' ? META.destination : META.source, expression.register);
      return;
    case 'ct':
    case 'ct-write':
      builder.be32(CT.key, expression.key);
      if (expression.direction !== undefined) builder.u8(CT.direction, expression.direction);
      register(builder, expression.name === 'ct' ? CT.destination : CT.source, expression.register);
      return;
    case 'fib':
      register(builder, FIB.destination, expression.register);
      builder.be32(FIB.result, expression.result).be32(FIB.flags, expression.flags);
      return;
    case 'numgen':
      register(builder, NUMGEN.destination, expression.register);
      builder.be32(NUMGEN.modulus, expression.modulus).be32(NUMGEN.type, expression.type);
      builder.be32(NUMGEN.offset, expression.offset);
      return;
    case 'hash':
      register(builder, HASH.source, expression.source);
      register(builder, HASH.destination, expression.register);
      builder.be32(HASH.length, expression.length).be32(HASH.modulus, expression.modulus);
      if (expression.seed !== undefined) builder.be32(HASH.seed, expression.seed);
      builder.be32(HASH.offset, expression.offset).be32(HASH.type, 0);
      return;
    case 'lookup':
      builder.string(LOOKUP.set, expression.set.name);
      if (expression.set.id !== undefined) builder.be32(LOOKUP.setId, expression.set.id);
      register(builder, LOOKUP.source, expression.source);
      if (expression.destination === 'verdict') builder.be32(LOOKUP.destination, VERDICT_REGISTER);
      else register(builder, LOOKUP.destination, expression.destination);
      if (expression.inverted) builder.be32(LOOKUP.flags, 1);
      return;
    case 'bitwise':
      register(builder, BITWISE.source, expression.source);
      register(builder, BITWISE.destination, expression.register);
      builder.be32(BITWISE.length, expression.mask.length);
      value(builder, BITWISE.mask, expression.mask);
      value(builder, BITWISE.xor, expression.xor);
      return;
    case 'shift': {
      register(builder, BITWISE.source, expression.source);
      register(builder, BITWISE.destination, expression.register);
      builder.be32(BITWISE.length, expression.length);
      builder.be32(BITWISE.operation, expression.direction === '<<' ? 1 : 2);
      const nest = builder.beginNest(BITWISE.data);
      // A number of bits is in host byte order, as register contents are.
      builder.u32(NFTA_DATA.value, expression.bits).endNest(nest);
      return;
    }
    case 'byteorder':
      register(builder, BYTEORDER.source, expression.source);
      register(builder, BYTEORDER.destination, expression.register);
      // NFT_BYTEORDER_HTON
      builder.be32(BYTEORDER.operation, 1);
      builder.be32(BYTEORDER.length, expression.length).be32(BYTEORDER.size, expression.size);
      return;
    case 'cmp':
      register(builder, CMP.source, expression.register);
      builder.be32(CMP.operation, COMPARE_OPERATORS.indexOf(expression.operator));
      value(builder, CMP.data, expression.data);
      return;
    case 'range':
      register(builder, RANGE.source, expression.register);
      builder.be32(RANGE.operation, expression.inverted ? 1 : 0);
      value(builder, RANGE.from, expression.from);
      value(builder, RANGE.to, expression.to);
      return;
    case 'immediate':
      register(builder, IMMEDIATE.destination, expression.register);
      value(builder, IMMEDIATE.data, expression.data);
      return;
    case 'verdict': {
      const { verdict } = expression;
      if (verdict.kind === 'queue') {
        builder.be16(QUEUE.number, verdict.number);
        return;
      }
      builder.be32(IMMEDIATE.destination, VERDICT_REGISTER);
      const nest = builder.beginNest(IMMEDIATE.data);
      encodeVerdict(builder, verdict);
      builder.endNest(nest);
      return;
    }
    case 'nat':
      builder.be32(NAT.type, expression.type === 'snat' ? 0 : 1).be32(NAT.family, expression.family);
      register(builder, NAT.addressFrom, expression.address?.from);
      register(builder, NAT.addressTo, expression.address?.to);
      register(builder, NAT.portFrom, expression.port?.from);
      register(builder, NAT.portTo, expression.port?.to);
      if (expression.flags !== 0) builder.be32(NAT.flags, expression.flags);
      return;
    case 'masq':
    case 'redir': {
      const attribute = expression.name === 'masq' ? MASQ : REDIR;
      if (expression.flags !== 0) builder.be32(attribute.flags, expression.flags);
      register(builder, attribute.portFrom, expression.port?.from);
      register(builder, attribute.portTo, expression.port?.to);
      return;
    }
    case 'reject':
      builder.be32(REJECT.type, expression.type).u8(REJECT.code, expression.code);
      return;
    case 'limit':
      builder.be64(LIMIT.rate, expression.rate).be64(LIMIT.unit, expression.unit);
      builder.be32(LIMIT.burst, expression.burst).be32(LIMIT.type, expression.bytes ? 1 : 0);
      builder.be32(LIMIT.flags, expression.inverted ? 1 : 0);
      return;
    case 'log':
      if (expression.group !== undefined) builder.be16(LOG.group, expression.group);
      if (expression.prefix !== undefined) builder.string(LOG.prefix, expression.prefix);
      return;
    case 'dynset':
      builder.string(DYNSET.set, expression.set.name);
      if (expression.set.id !== undefined) builder.be32(DYNSET.setId, expression.set.id);
      builder.be32(DYNSET.operation, expression.operation);
      register(builder, DYNSET.key, expression.key);
      register(builder, DYNSET.data, expression.data);
      if (expression.timeout !== undefined) builder.be64(DYNSET.timeout, expression.timeout);
      return;
    case 'counter':
      builder.be64(COUNTER.bytes, 0).be64(COUNTER.packets, 0);
      return;
    case 'notrack':
    case 'unknown':
      return;
    default: {
      expression satisfies never;
    }
  }
}
