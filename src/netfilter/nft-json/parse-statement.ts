import { isFlagType } from '../data-type.ts';
import { addWithDependencies, type HeaderNeeds } from '../header-dependency.ts';
import type { DataType, NatFlag, RejectType, Rule, Statement, TableFamily } from '../node.ts';
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
import { dataTypesOf, type ExpressionContext, parseExpression } from './parse-expression.ts';
import { parseMapElement, parseVerdict } from './parse-literal.ts';

type RuleContext = Pick<ExpressionContext, 'findSet'> & { readonly family: TableFamily };

/** A rule of its `expr` list; a statement that isn't modelled is kept as text. */
export function parseRule(statements: readonly Json[], comment: string | undefined, context: RuleContext): Rule {
  const result: Statement[] = [];
  for (const node of statements)
    addWithDependencies(result, context.family, (needs) => parseStatement(node, { ...context, ...needs }));
  return { statements: result, ...(comment !== undefined && { comment }) };
}

export type StatementContext = ExpressionContext & HeaderNeeds & { readonly family: TableFamily };

function parseStatement(node: Json, context: StatementContext): Statement {
  try {
    const [tag, content] = tagged(node) ?? ['', null];
    return parseTagged(tag, isObject(content) ? content : {}, node, context);
  } catch (error) {
    // nft gives as text what it has no JSON for.
    if (!(error instanceof NotModelled)) throw error;
    if (typeof node === 'string') return { kind: 'unknown', text: node };
    const extension = isObject(node) && isObject(node.xt) ? node.xt : undefined;
    return { kind: 'unknown', text: JSON.stringify(node), ...(extension?.type === 'match' && { only: 'match' }) };
  }
}

function parseTagged(tag: string, content: JsonObject, node: Json, context: StatementContext): Statement {
  switch (tag) {
    case 'match':
      return parseMatch(content, context);
    case 'vmap': {
      const key = parseExpression(content.key ?? null, context);
      if (typeof content.data === 'string') return { kind: 'vmap', key, map: { name: content.data.slice(1) } };
      const elements = listOf(isObject(content.data) ? content.data.set : undefined);
      const types = dataTypesOf(key, context) ?? [];
      return {
        kind: 'vmap',
        key,
        map: { elements: elements.map((element) => parseMapElement(element, types, 'verdict')) },
      };
    }
    case 'counter':
      if (content.packets === undefined) return { kind: 'counter' };
      return { kind: 'counter', packets: BigInt(number(content.packets)), bytes: BigInt(number(content.bytes)) };
    case 'dnat':
    case 'snat':
      return parseNat(tag, content, context);
    case 'masquerade':
    case 'redirect': {
      const port = content.port === undefined ? undefined : parseExpression(content.port, context, ['inet_service']);
      return { kind: tag, ...(port !== undefined && { port }), flags: natFlags(content.flags) };
    }
    case 'reject':
      return { kind: 'reject', with: parseReject(content, context) };
    case 'notrack':
      return { kind: 'notrack' };
    case 'mangle':
      return parseMangle(content, context);
    case 'limit':
      return parseLimit(content);
    case 'log':
      if (Object.keys(content).some((key) => key !== 'prefix' && key !== 'group')) throw new NotModelled('log');
      return {
        kind: 'log',
        ...(content.prefix !== undefined && { prefix: text(content.prefix) }),
        ...(content.group !== undefined && { group: number(content.group) }),
      };
    case 'set':
    case 'map':
      return parseDynamicSet(content, context);
    default:
      return { kind: 'verdict', verdict: parseVerdict(node) };
  }
}

function parseMatch({ op, left = null, right = null }: JsonObject, context: StatementContext): Statement {
  const asked = parseExpression(left, context);
  const types = dataTypesOf(asked, context);
  const operator = oneOf(['==', '!=', '<', '>', '<=', '>=', 'in'], op);
  const compared = parseExpression(right, context, types);
  // Whether there is a route: the index of none is 0.
  if (typeof right === 'boolean') {
    const none = parseExpression(0, context);
    return { kind: 'match', operator: right === (operator === '==') ? '!=' : '==', left: asked, right: none };
  }
  const [type] = types ?? [];
  if (operator === 'in' && (type === undefined || !isFlagType(type))) throw new NotModelled('in');
  return { kind: 'match', operator, left: asked, right: compared };
}

const NAT_FLAGS: readonly NatFlag[] = ['random', 'fully-random', 'persistent'];

function natFlags(flags: Json | undefined): NatFlag[] {
  return listOf(flags).map((flag) => oneOf(NAT_FLAGS, flag));
}

function parseNat(type: 'dnat' | 'snat', content: JsonObject, context: StatementContext): Statement {
  const family = content.family === undefined ? undefined : oneOf(['ip', 'ip6'], content.family);
  const own = family ?? (context.family === 'ip6' ? 'ip6' : 'ip');
  const address: DataType = own === 'ip6' ? 'ipv6_addr' : 'ipv4_addr';
  return {
    kind: 'nat',
    type,
    ...(family !== undefined && { family }),
    ...(content.addr !== undefined && { address: parseExpression(content.addr, context, [address, 'inet_service']) }),
    ...(content.port !== undefined && { port: parseExpression(content.port, context, ['inet_service']) }),
    flags: natFlags(content.flags),
  };
}

/** nft's words for the ICMP errors of a rejection. */
export const REJECT_NAMES: Readonly<Record<string, RejectType>> = {
  'port-unreachable': 'port-unreachable',
  'admin-prohibited': 'admin-prohibited',
  'host-unreachable': 'host-unreachable',
  'addr-unreachable': 'host-unreachable',
  'net-unreachable': 'net-unreachable',
  'no-route': 'net-unreachable',
};

function parseReject({ type, expr }: JsonObject, context: StatementContext): RejectType {
  if (type === undefined) return 'port-unreachable';
  if (type === 'tcp reset') return type;
  const found = REJECT_NAMES[text(expr)];
  if (found === undefined) throw new NotModelled('reject');
  if (type === 'icmp' || type === 'icmpv6') context.requireNetwork(type === 'icmp' ? 'ip' : 'ip6');
  return found;
}

function parseMangle({ key = null, value = null }: JsonObject, context: StatementContext): Statement {
  const target = parseExpression(key, context);
  const assigned = parseExpression(value, context, dataTypesOf(target, context));
  switch (target.kind) {
    case 'meta':
      return { kind: 'set-meta', key: target.key, value: assigned };
    case 'ct':
      return { kind: 'set-ct', key: target.key, value: assigned };
    case 'payload':
      return { kind: 'set-payload', field: target.field, value: assigned };
    default:
      throw new NotModelled('mangle');
  }
}

/** nft's units of bytes. */
const BYTE_UNITS: Readonly<Record<string, number>> = { bytes: 1, kbytes: 1024, mbytes: 1024 * 1024 };

function parseLimit({ rate, per, burst, inv, rate_unit, burst_unit }: JsonObject): Statement {
  const unit = rate_unit === undefined || rate_unit === 'packets' ? 1 : BYTE_UNITS[text(rate_unit)];
  if (unit === undefined) throw new NotModelled('limit');
  const bytes = rate_unit !== undefined && rate_unit !== 'packets';
  const burstUnit = burst_unit === undefined ? 1 : (BYTE_UNITS[text(burst_unit)] ?? 1);
  return {
    kind: 'limit',
    rate: unit * number(rate),
    per: oneOf(['second', 'minute', 'hour', 'day'], per),
    ...(burst !== undefined && { burst: burstUnit * number(burst) }),
    over: inv === true,
    unit: bytes ? 'bytes' : 'packets',
  };
}

function parseDynamicSet(content: JsonObject, context: StatementContext): Statement {
  const { op, elem = null, data } = content;
  if (content.stmt !== undefined) throw new NotModelled('statement of an element');
  const name = text(content.set ?? content.map).slice(1);
  const set = context.findSet(name);
  const element = tagged(elem);
  const inner = element?.[0] === 'elem' && isObject(element[1]) ? element[1] : undefined;
  const values = set !== undefined && 'value' in set && set.value !== 'verdict' ? set.value : undefined;
  return {
    kind: 'dynamic-set',
    operation: oneOf(['add', 'update', 'delete'], op),
    set: name,
    key: parseExpression(inner?.val ?? elem, context, set?.key),
    ...(data !== undefined && !isList(data) && { value: parseExpression(data, context, values) }),
    ...(inner?.timeout !== undefined && { timeout: 1000 * number(inner.timeout) }),
  };
}
