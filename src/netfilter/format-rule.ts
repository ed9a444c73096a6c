import { isFlagType } from './data-type.ts';
import { braces, dataTypes, type FormatContext, formatExpression } from './format-expression.ts';
import { formatDuration, formatElement, formatVerdict, quote } from './format-literal.ts';
import { establishedFact } from './header-dependency.ts';
import type { DataType, Expression, NatFlag, RejectType, Rule, Statement, TableFamily } from './node.ts';

/** Transport protocols whose ports nft names by the protocol. */
const PORT_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);

/** A rule on one line, as `nft list ruleset` writes it. */
export function formatRule(rule: Rule, context: FormatContext): string {
  const parts: string[] = [];
  let transport: string | undefined;
  for (const [index, statement] of rule.statements.entries()) {
    const fact = establishedFact(statement);
    const protocol = fact?.key === 'l4proto' ? PORT_PROTOCOLS.get(fact.value) : undefined;
    if (protocol !== undefined) {
      transport = protocol;
      // `tcp dport 80` says both.
      if (looksAtPorts(rule.statements[index + 1])) continue;
    }
    // nft would put this match first in the rule.
    if (statement.kind === 'reject' && statement.with === 'tcp reset' && transport !== 'tcp')
      parts.push('meta l4proto tcp');
    parts.push(formatStatement(statement, { ...context, ...(transport !== undefined && { transport }) }));
  }
  if (rule.comment !== undefined) parts.push(`comment ${quote(rule.comment)}`);
  return parts.join(' ');
}

function looksAtPorts(statement: Statement | undefined): boolean {
  return statement?.kind === 'match' && statement.left.kind === 'payload' && statement.left.field.startsWith('th ');
}

/** One statement; of a match on ports, the protocol is named where it is known. */
export function formatStatement(statement: Statement, context: FormatContext): string {
  switch (statement.kind) {
    case 'match':
      return formatMatch(statement, context);
    case 'verdict':
      return formatVerdict(statement.verdict);
    case 'vmap': {
      const key = formatExpression(statement.key, context);
      if ('name' in statement.map) return `${key} vmap @${statement.map.name}`;
      const types = dataTypes(statement.key, context);
      return `${key} vmap ${braces(statement.map.elements.map((element) => formatElement(element, types, 'verdict')))}`;
    }
    case 'counter':
      return statement.packets === undefined
        ? 'counter'
        : `counter packets ${statement.packets} bytes ${statement.bytes ?? 0n}`;
    case 'nat':
      return formatNat(statement, context);
    case 'masquerade':
    case 'redirect': {
      const port = statement.port && ` to :${formatExpression(statement.port, context, ['inet_service'])}`;
      return `${statement.kind}${port ?? ''}${formatFlags(statement.flags)}`;
    }
    case 'reject':
      return formatReject(statement.with, context.family);
    case 'notrack':
      return 'notrack';
    case 'set-meta': {
      const target: Expression = { kind: 'meta', key: statement.key };
      return formatAssignment(target, statement.value, `meta ${statement.key}`, context);
    }
    case 'set-ct':
      return formatAssignment({ kind: 'ct', key: statement.key }, statement.value, `ct ${statement.key}`, context);
    case 'set-payload':
      return formatAssignment({ kind: 'payload', field: statement.field }, statement.value, statement.field, context);
    case 'limit':
      return formatLimit(statement);
    case 'log': {
      const prefix = statement.prefix === undefined ? '' : ` prefix ${quote(statement.prefix)}`;
      return `log${prefix}${statement.group === undefined ? '' : ` group ${statement.group}`}`;
    }
    case 'dynamic-set':
      return formatDynamicSet(statement, context);
    case 'unknown':
      return statement.text;
    default: {
      const never: never = statement;
      return never;
    }
  }
}

function formatMatch({ left, operator, right }: Extract<Statement, { kind: 'match' }>, context: FormatContext): string {
  const types = dataTypes(left, context);
  const text = formatExpression(left, context);
  if (left.kind === 'fib' && left.result === 'oif' && right.kind === 'literal' && right.literal.kind === 'number')
    if (right.literal.value === 0) return `${text} ${operator === '==' ? 'missing' : 'exists'}`;
  // What is compared with the outcome of an operation is a number.
  const plain: readonly DataType[] | undefined =
    left.kind === 'binary' ? (types?.[0] === 'mark' ? types : ['integer']) : types;
  const value = formatExpression(right, context, plain);
  switch (operator) {
    case 'in':
      return `${text} ${value}`;
    case '==': {
      const [type] = types ?? [];
      const exact = right.kind === 'literal' && (left.kind === 'binary' || (type !== undefined && isFlagType(type)));
      return exact ? `${text} == ${value}` : `${text} ${value}`;
    }
    default:
      return `${text} ${operator} ${value}`;
  }
}

function formatAssignment(target: Expression, value: Expression, text: string, context: FormatContext): string {
  return `${text} set ${formatExpression(value, context, dataTypes(target, context))}`;
}

function formatNat(statement: Extract<Statement, { kind: 'nat' }>, context: FormatContext): string {
  const { address, port, family } = statement;
  const own = family ?? (context.family === 'ip6' ? 'ip6' : 'ip');
  const type: DataType = own === 'ip6' ? 'ipv6_addr' : 'ipv4_addr';
  // A map to addresses and ports needs the family said.
  const said = family !== undefined || address?.kind === 'map' || address?.kind === 'anonymous-map' ? ` ${own}` : '';
  const to = address === undefined ? '' : formatExpression(address, context, [type, 'inet_service']);
  const bracketed = port !== undefined && own === 'ip6' && address?.kind === 'literal' ? `[${to}]` : to;
  const ports = port === undefined ? '' : `:${formatExpression(port, context, ['inet_service'])}`;
  return `${statement.type}${said} to ${bracketed}${ports}${formatFlags(statement.flags)}`;
}

function formatFlags(flags: readonly NatFlag[]): string {
  return flags.length === 0 ? '' : ` ${[...flags].sort().join(',')}`;
}

const ICMPV6_NAMES = { 'net-unreachable': 'no-route', 'host-unreachable': 'addr-unreachable' } as const;

function formatReject(type: RejectType | undefined, family: TableFamily): string {
  if (type === undefined || type === 'port-unreachable') return 'reject';
  if (type === 'tcp reset') return 'reject with tcp reset';
  if (family === 'ip') return `reject with icmp ${type}`;
  if (family === 'ip6') return `reject with icmpv6 ${type === 'admin-prohibited' ? type : ICMPV6_NAMES[type]}`;
  return `reject with icmpx ${type === 'net-unreachable' ? 'no-route' : type}`;
}

function formatLimit({ rate, per, burst, over, unit }: Extract<Statement, { kind: 'limit' }>): string {
  const bytes = unit === 'bytes';
  const usual = burst === undefined || burst === (bytes ? 0 : 5);
  const rest = usual ? '' : ` burst ${burst} ${bytes ? 'bytes' : 'packets'}`;
  return `limit rate ${over ? 'over ' : ''}${rate}${bytes ? ' bytes' : ''}/${per}${rest}`;
}

function formatDynamicSet(statement: Extract<Statement, { kind: 'dynamic-set' }>, context: FormatContext): string {
  const set = context.findSet(statement.set);
  const timeout = statement.timeout === undefined ? '' : ` timeout ${formatDuration(statement.timeout)}`;
  const types = set !== undefined && 'value' in set && set.value !== 'verdict' ? set.value : undefined;
  const value = statement.value === undefined ? '' : ` : ${formatExpression(statement.value, context, types)}`;
  return `${statement.operation} @${statement.set} { ${formatExpression(statement.key, context, set?.key)}${timeout}${value} }`;
}
