import { isFlagType } from '../data-type.ts';
import { addWithDependencies } from '../header-dependency.ts';
import { NotModelled, oneOf } from '../nft-json/json-node.ts';
import { dataTypesOf, type ExpressionContext } from '../nft-json/parse-expression.ts';
import { REJECT_NAMES, type StatementContext } from '../nft-json/parse-statement.ts';
import type { DataType, Expression, MatchOperator, NatFlag, Rule, Statement, TableFamily } from '../node.ts';
import { literalOf, parseDuration, parseFlags, parseMapElements, parseVerdict } from './parse-constant.ts';
import { parseExpression } from './parse-expression.ts';
import type { TokenReader } from './token-reader.ts';

type RuleContext = Pick<ExpressionContext, 'findSet'> & { readonly family: TableFamily };

/** A rule up to the end of its line. What isn't modelled is kept as text, with all that follows it in the rule. */
export function parseRule(reader: TokenReader, context: RuleContext): Rule {
  const statements: Statement[] = [];
  let comment: string | undefined;
  while (!reader.atEndOfLine()) {
    if (reader.accept('comment')) {
      comment = reader.word();
      continue;
    }
    const position = reader.position;
    try {
      addWithDependencies(statements, context.family, (needs) => parseStatement(reader, { ...context, ...needs }));
    } catch (error) {
      if (!(error instanceof NotModelled)) throw error;
      reader.rewind(position);
      statements.push({ kind: 'unknown', text: reader.restOfLine() });
    }
  }
  return { statements, ...(comment !== undefined && { comment }) };
}

function parseStatement(reader: TokenReader, context: StatementContext): Statement {
  const token = reader.peek();
  if (token.kind === 'extension') {
    reader.next();
    return { kind: 'unknown', text: `xt ${token.text}` };
  }
  switch (token.text) {
    case 'xt': {
      const position = reader.position;
      reader.next();
      const isMatch = reader.word() === 'match';
      reader.word();
      return { kind: 'unknown', text: reader.textSince(position), ...(isMatch && { only: 'match' }) };
    }
    case 'accept':
    case 'drop':
    case 'continue':
    case 'return':
    case 'jump':
    case 'goto':
    case 'queue':
      return { kind: 'verdict', verdict: parseVerdict(reader) };
    case 'counter':
      return parseCounter(reader);
    case 'reject':
      return parseReject(reader, context);
    case 'masquerade':
    case 'redirect': {
      reader.next();
      const port = reader.accept('to') ? portOf(reader.word().replace(/^:/, '')) : undefined;
      return { kind: token.text, ...(port !== undefined && { port }), flags: parseNatFlags(reader) };
    }
    case 'dnat':
    case 'snat':
      reader.next();
      return parseNat(token.text, reader, context);
    case 'notrack':
      reader.next();
      return { kind: 'notrack' };
    case 'log':
      return parseLog(reader);
    case 'limit':
      return parseLimit(reader);
    case 'add':
    case 'update':
    case 'delete':
      reader.next();
      return parseDynamicSet(token.text, reader, context);
    default:
      return parseMatch(reader, context);
  }
}

const COMPARISONS: readonly MatchOperator[] = ['==', '!=', '<', '>', '<=', '>='];

function parseMatch(reader: TokenReader, context: StatementContext): Statement {
  const left = parseExpression(reader, context);
  const types = dataTypesOf(left, context);
  if (reader.accept('vmap')) return parseVerdictMap(reader, left, types);
  if (reader.accept('set')) return parseAssignment(left, parseExpression(reader, context, types));
  if (left.kind === 'literal') throw new NotModelled('statement');
  if (left.kind === 'fib' && (reader.at('missing') || reader.at('exists')))
    return comparison(reader.word() === 'missing' ? '==' : '!=', left, number(0));
  const [type] = types ?? [];
  // `tcp flags ! syn`: none of them; `tcp flags syn / syn,ack`: those of the mask are exactly these
  if (reader.accept('!')) return comparison('==', masked(left, parseFlags(reader, type)), number(0));
  const sign = COMPARISONS.find((each) => reader.accept(each));
  const right = parseExpression(reader, context, types);
  if (reader.accept('/')) return comparison(sign ?? '==', masked(left, parseFlags(reader, type)), right);
  const anyOf = sign === undefined && right.kind === 'literal' && left.kind !== 'binary';
  return comparison(sign ?? (anyOf && type !== undefined && isFlagType(type) ? 'in' : '=='), left, right);
}

function comparison(operator: MatchOperator, left: Expression, right: Expression): Statement {
  return { kind: 'match', operator, left, right };
}

function masked(left: Expression, literal: ReturnType<typeof parseFlags>): Expression {
  return { kind: 'binary', operator: '&', left, right: { kind: 'literal', literal } };
}

function number(value: number): Expression {
  return { kind: 'literal', literal: { kind: 'number', value } };
}

function parseVerdictMap(reader: TokenReader, key: Expression, types: readonly DataType[] | undefined): Statement {
  const { text } = reader.peek();
  if (text.startsWith('@')) {
    reader.next();
    return { kind: 'vmap', key, map: { name: text.slice(1) } };
  }
  return { kind: 'vmap', key, map: { elements: parseMapElements(reader, types ?? [], 'verdict') } };
}

function parseAssignment(target: Expression, value: Expression): Statement {
  switch (target.kind) {
    case 'meta':
      return { kind: 'set-meta', key: target.key, value };
    case 'ct':
      return { kind: 'set-ct', key: target.key, value };
    case 'payload':
      return { kind: 'set-payload', field: target.field, value };
    default:
      throw new NotModelled('assignment');
  }
}

function parseCounter(reader: TokenReader): Statement {
  reader.next();
  if (reader.at('name')) throw new NotModelled('named counter');
  if (!reader.accept('packets')) return { kind: 'counter' };
  const packets = BigInt(reader.number());
  reader.expect('bytes');
  return { kind: 'counter', packets, bytes: BigInt(reader.number()) };
}

function parseReject(reader: TokenReader, context: StatementContext): Statement {
  reader.next();
  if (!reader.accept('with')) return { kind: 'reject', with: 'port-unreachable' };
  if (reader.accept('tcp')) {
    reader.expect('reset');
    return { kind: 'reject', with: 'tcp reset' };
  }
  const family = oneOf(['icmp', 'icmpv6', 'icmpx'], reader.word());
  if (family !== 'icmpx') context.requireNetwork(family === 'icmp' ? 'ip' : 'ip6');
  // old versions say `icmp type port-unreachable`
  reader.accept('type');
  const type = REJECT_NAMES[reader.word()];
  if (type === undefined) throw new NotModelled('reject');
  return { kind: 'reject', with: type };
}

const NAT_FLAGS: readonly NatFlag[] = ['random', 'fully-random', 'persistent'];

function parseNatFlags(reader: TokenReader): NatFlag[] {
  const flags: NatFlag[] = [];
  for (;;) {
    const flag = NAT_FLAGS.find((each) => reader.accept(each));
    if (flag === undefined) return flags;
    flags.push(flag);
    reader.accept(',');
  }
}

function portOf(text: string): Expression {
  return { kind: 'literal', literal: literalOf(text, 'inet_service') };
}

function parseNat(type: 'dnat' | 'snat', reader: TokenReader, context: StatementContext): Statement {
  const family = reader.accept('ip') ? 'ip' : reader.accept('ip6') ? 'ip6' : undefined;
  if (reader.accept('addr')) {
    reader.expect('.');
    reader.expect('port');
  }
  reader.accept('to');
  if (reader.at('prefix')) throw new NotModelled('nat of prefixes');
  const own = family ?? (context.family === 'ip6' ? 'ip6' : 'ip');
  const written = parseNatTarget(reader, own, context);
  return { kind: 'nat', type, ...(family !== undefined && { family }), ...written, flags: parseNatFlags(reader) };
}

/** `10.0.0.1:80`, `[fd00::1]:80`, `:80`, an address or a range alone, or an expression. */
function parseNatTarget(reader: TokenReader, family: 'ip' | 'ip6', context: StatementContext) {
  const type: DataType = family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr';
  const { text } = reader.peek();
  const [, bracketed, plain, ports] = /^(?:\[([^\]]*)\]|([\d.-]*)):([\w-]+)$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (ports !== undefined && address !== undefined) {
    reader.next();
    const port = portOf(ports);
    return address === ''
      ? { port }
      : { address: { kind: 'literal', literal: literalOf(address, type) } as const, port };
  }
  const target = parseExpression(reader, context, [type, 'inet_service']);
  // an address that is read, and a port of its own
  const { text: behind } = reader.peek();
  if (!/^:\w/.test(behind)) return { address: target };
  reader.next();
  return { address: target, port: portOf(behind.slice(1)) };
}

/** Options that change what is logged and how, which no packet's way hangs on. */
const LOG_OPTIONS: readonly string[] = ['level', 'flags', 'snaplen', 'queue-threshold'];

function parseLog(reader: TokenReader): Statement {
  reader.next();
  let prefix: string | undefined;
  let group: number | undefined;
  for (;;) {
    if (reader.accept('prefix')) prefix = reader.word();
    else if (reader.accept('group')) group = reader.number();
    else if (LOG_OPTIONS.some((option) => reader.accept(option))) skipLogOption(reader);
    else return { kind: 'log', ...(prefix !== undefined && { prefix }), ...(group !== undefined && { group }) };
  }
}

/** `flags tcp sequence,options`: words joined by commas, or by what they are flags of. */
function skipLogOption(reader: TokenReader): void {
  const word = reader.word();
  if (word === 'tcp' || word === 'ip') reader.word();
  while (reader.accept(',')) reader.word();
}

const BYTE_UNITS: Readonly<Record<string, number>> = { bytes: 1, kbytes: 1024, mbytes: 1024 * 1024 };

function parseLimit(reader: TokenReader): Statement {
  reader.next();
  reader.expect('rate');
  const over = reader.accept('over');
  const [count = '', slashed] = reader.word().split('/');
  const [unit, behind] = slashed === undefined ? reader.word().split('/') : [undefined, slashed];
  const factor = unit === undefined ? 1 : BYTE_UNITS[unit];
  if (factor === undefined) throw new NotModelled('limit');
  let burst: number | undefined;
  if (reader.accept('burst')) {
    burst = reader.number();
    const burstUnit = reader.word();
    if (burstUnit !== 'packets') burst *= BYTE_UNITS[burstUnit] ?? 1;
  }
  return {
    kind: 'limit',
    rate: factor * Number(count),
    per: oneOf(['second', 'minute', 'hour', 'day'], behind),
    ...(burst !== undefined && { burst }),
    over,
    unit: unit === undefined ? 'packets' : 'bytes',
  };
}

function parseDynamicSet(
  operation: 'add' | 'update' | 'delete',
  reader: TokenReader,
  context: StatementContext,
): Statement {
  const name = reader.word();
  if (!name.startsWith('@')) throw new NotModelled('dynamic set');
  const set = context.findSet(name.slice(1));
  reader.expect('{');
  const key = parseExpression(reader, context, set?.key);
  const timeout = reader.accept('timeout') ? parseDuration(reader.word()) : undefined;
  const values = set !== undefined && 'value' in set && set.value !== 'verdict' ? set.value : undefined;
  const value = reader.accept(':') ? parseExpression(reader, context, values) : undefined;
  reader.expect('}');
  return {
    kind: 'dynamic-set',
    operation,
    set: name.slice(1),
    key,
    ...(value !== undefined && { value }),
    ...(timeout !== undefined && { timeout }),
  };
}
