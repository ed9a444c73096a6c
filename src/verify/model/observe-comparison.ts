import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { literalBounds } from '../../netfilter/literal-bounds.ts';
import type { ConntrackKey, Expression, Literal, MatchOperator, PayloadField } from '../../netfilter/node.ts';
import { type Bounds, pointAt, sideOf } from './bounds.ts';
import { type Aspect, observer } from './observation.ts';
import { hasPorts } from './packet.ts';
import type { Value } from './value.ts';

const FIELDS: Readonly<Partial<Record<PayloadField | ConntrackKey, Aspect>>> = {
  'ip saddr': 'address',
  'ip daddr': 'address',
  'ip6 saddr': 'address',
  'ip6 daddr': 'address',
  'arp saddr ip': 'address',
  'arp daddr ip': 'address',
  'icmpv6 taddr': 'address',
  'ip protocol': 'protocol',
  'ip6 nexthdr': 'protocol',
  'th sport': 'port',
  'th dport': 'port',
  'proto-src': 'port',
  'proto-dst': 'port',
  protocol: 'protocol',
};

/** What an expression reads of the packet, where it is a field and nothing computed from one. */
export function aspectOf(expression: Expression): Aspect | undefined {
  switch (expression.kind) {
    case 'payload':
      return FIELDS[expression.field];
    case 'ct':
      return FIELDS[expression.key];
    case 'meta':
      return expression.key === 'l4proto' ? 'protocol' : undefined;
    default:
      return undefined;
  }
}

/** The aspects of the parts of a key. */
export function aspectsOf(key: Expression): readonly (Aspect | undefined)[] {
  return key.kind === 'concatenation' ? key.parts.flatMap(aspectsOf) : [aspectOf(key)];
}

/** Something was read whose very value counts: for another one, nothing is said. */
export function observePoint(aspect: Aspect | undefined, value: Value): void {
  if (aspect !== undefined && typeof value === 'bigint') observer()?.narrow(aspect, value, pointAt(value));
}

/** A value was compared with a constant: the answer is the same for all that is on the same side of it. */
export function observeLiteral(left: Expression, value: Value, literal: Literal): void {
  const aspect = aspectOf(left);
  const watching = observer();
  if (watching === undefined || aspect === undefined || typeof value !== 'bigint' || watching.isOwn(literal)) return;
  const bounds = literalBounds(literal) ?? pointAt(value);
  const isUnasked = aspect === 'port' && bounds.low === bounds.high && bounds.low !== value;
  if (isUnasked && !watching.asksForPort(value, bounds.low)) return;
  watching.narrow(aspect, value, sideOf(bounds, value));
}

/** A value was compared with a number. */
export function observeOrder(left: Expression, value: Value, operator: MatchOperator, right: Value): void {
  const aspect = aspectOf(left);
  if (aspect === undefined || typeof value !== 'bigint') return;
  observer()?.narrow(aspect, value, typeof right === 'bigint' ? orderBounds(value, operator, right) : pointAt(value));
}

function orderBounds(value: bigint, operator: MatchOperator, right: bigint): Bounds {
  switch (operator) {
    case '==':
    case '!=':
      return sideOf(pointAt(right), value);
    case '<':
    case '>=':
      return sideOf({ low: 0n, high: right - 1n }, value);
    case '>':
    case '<=':
      return sideOf({ low: 0n, high: right }, value);
    case 'in':
      return pointAt(value);
    default: {
      const never: never = operator;
      return never;
    }
  }
}

/** Protocols whose headers hold different fields, in the order of their numbers; those between them are nobody's. */
const LAYOUTS: readonly Bounds[] = Object.values(PROTOCOL_NUMBERS).map((number) => pointAt(BigInt(number)));

/** A field was read that only some protocols' headers have. */
export function observeLayout(protocol: number, field: PayloadField): void {
  const watching = observer();
  if (watching === undefined) return;
  if (field === 'th sport' || field === 'th dport') {
    observePorts(protocol);
    return;
  }
  const value = BigInt(protocol);
  const of = HEADERS[field.split(' ')[0] ?? ''];
  if (of !== undefined) watching.narrow('protocol', value, sideOf(pointAt(BigInt(of)), value));
}

/** Whether the protocol has ports counts. */
export function observePorts(protocol: number): void {
  const watching = observer();
  if (watching === undefined) return;
  const value = BigInt(protocol);
  for (const other of LAYOUTS)
    if (hasPorts(Number(other.low)) !== hasPorts(protocol)) watching.narrow('protocol', value, sideOf(other, value));
}

const HEADERS: Readonly<Record<string, number>> = {
  tcp: PROTOCOL_NUMBERS.tcp,
  icmp: PROTOCOL_NUMBERS.icmp,
  icmpv6: PROTOCOL_NUMBERS.icmpv6,
};
