import { isVerdict } from '../../netfilter/element-key.ts';
import { dependencyMatch, establishedFact, headerDependenciesOf } from '../../netfilter/header-dependency.ts';
import type { Expression, NatFlag, Rule, Statement } from '../../netfilter/node.ts';
import type { HeaderDependency } from '../../netfilter/payload-field.ts';
import { type ValueType, valueTypeOf } from '../../netfilter/value-type.ts';
import { FAMILY_NUMBERS } from './attribute-type.ts';
import type { KernelExpression, Register, RegisterRange } from './kernel-expression.ts';
import {
  CONNTRACK_NUMBERS,
  DYNSET_OPERATIONS,
  META_NUMBERS,
  NAT_FLAGS,
  NAT_PORT_SPECIFIED,
  RATE_UNITS,
  rejectNumbers,
} from './kernel-number.ts';
import { assembleMatch } from './match-assembler.ts';
import { assemblePayloadWrite } from './payload-write-assembler.ts';
import { coversMany, type RuleContext, unsupported, ValueLoader } from './value-loader.ts';

/**
 * The kernel's instructions for a rule: every value is loaded into registers from word 0 on, the parts of a
 * concatenation one after the other, each padded to whole words. Matches on the protocol without which a header isn't
 * there are put before its first use, as nft does.
 * @throws FlatnetError `invalid` for what means nothing, `unsupported` for what isn't modelled
 */
export function assembleRule(rule: Rule, context: RuleContext): KernelExpression[] {
  const loader = new ValueLoader(context);
  const facts: HeaderDependency[] = [];
  const known = (dependency: HeaderDependency) =>
    facts.some(({ key, value }) => key === dependency.key && value === dependency.value);
  for (const statement of rule.statements) {
    for (const dependency of headerDependenciesOf(statement, context.family)) {
      if (known(dependency)) continue;
      facts.push(dependency);
      assembleStatement(loader, dependencyMatch(dependency));
    }
    assembleStatement(loader, statement);
    const fact = establishedFact(statement);
    if (fact !== undefined) facts.push(fact);
  }
  return loader.expressions;
}

function assembleStatement(loader: ValueLoader, statement: Statement): void {
  switch (statement.kind) {
    case 'match':
      assembleMatch(loader, statement);
      return;
    case 'verdict':
      loader.expressions.push({ name: 'verdict', verdict: statement.verdict });
      return;
    case 'vmap':
      assembleVerdictMap(loader, statement.key, statement.map);
      return;
    case 'counter':
    case 'notrack':
      loader.expressions.push({ name: statement.kind });
      return;
    case 'nat':
      assembleNat(loader, statement);
      return;
    case 'masquerade':
    case 'redirect': {
      const port = statement.port && loadBounds(loader, statement.port, 0, valueTypeOf('inet_service')).registers;
      const name = statement.kind === 'masquerade' ? 'masq' : 'redir';
      // of masquerade the kernel takes no port that the flags don't speak of
      const flags = natFlags(statement.flags) | (port === undefined ? 0 : NAT_PORT_SPECIFIED);
      loader.expressions.push({ name, ...(port !== undefined && { port }), flags });
      return;
    }
    case 'reject': {
      const numbers = rejectNumbers(statement.with ?? 'port-unreachable', loader.context.family);
      loader.expressions.push({ name: 'reject', ...numbers });
      return;
    }
    case 'set-meta':
      loader.load(statement.value, 0, loader.typesOf({ kind: 'meta', key: statement.key }));
      loader.expressions.push({ name: 'meta-write', register: 0, key: META_NUMBERS[statement.key] });
      return;
    case 'set-ct':
      loader.load(statement.value, 0, loader.typesOf({ kind: 'ct', key: statement.key }));
      loader.expressions.push({ name: 'ct-write', register: 0, key: CONNTRACK_NUMBERS[statement.key] });
      return;
    case 'set-payload':
      assemblePayloadWrite(loader, statement.field, statement.value);
      return;
    case 'limit': {
      const { rate, per, burst, over, unit } = statement;
      const bytes = unit === 'bytes';
      const seconds = RATE_UNITS[per];
      loader.expressions.push({
        name: 'limit',
        rate,
        unit: seconds,
        burst: burst ?? (bytes ? 0 : 5),
        bytes,
        inverted: over,
      });
      return;
    }
    case 'log': {
      const { prefix, group } = statement;
      loader.expressions.push({
        name: 'log',
        ...(prefix !== undefined && { prefix }),
        ...(group !== undefined && { group }),
      });
      return;
    }
    case 'dynamic-set': {
      const set = loader.named(statement.set);
      const types = set.key.map(valueTypeOf);
      const words = loader.load(statement.key, 0, types);
      if (statement.value !== undefined)
        loader.load(
          statement.value,
          words,
          'value' in set && set.value !== 'verdict' ? set.value.map(valueTypeOf) : undefined,
        );
      loader.expressions.push({
        name: 'dynset',
        set: { name: statement.set },
        operation: DYNSET_OPERATIONS[statement.operation],
        key: 0,
        ...(statement.value !== undefined && { data: words }),
        ...(statement.timeout !== undefined && { timeout: statement.timeout }),
      });
      return;
    }
    case 'unknown':
      throw unsupported(`the statement ${JSON.stringify(statement.text)}`);
    default: {
      statement satisfies never;
    }
  }
}

function assembleVerdictMap(
  loader: ValueLoader,
  key: Expression,
  map: Extract<Statement, { kind: 'vmap' }>['map'],
): void {
  loader.load(key, 0, 'name' in map ? loader.named(map.name).key.map(valueTypeOf) : undefined);
  const set = 'name' in map ? { name: map.name } : loader.anonymousMap(key, map.elements, 'verdict');
  const interval = 'name' in map ? loader.isInterval(map.name) : map.elements.some(coversMany);
  if (interval) loader.toNetworkOrder(0, loader.typesOf(key));
  loader.expressions.push({ name: 'lookup', set, source: 0, destination: 'verdict', inverted: false });
}

function assembleNat(loader: ValueLoader, statement: Extract<Statement, { kind: 'nat' }>): void {
  const { family } = loader.context;
  const own = statement.family ?? (family === 'ip6' ? 'ip6' : 'ip');
  const addressType = valueTypeOf(own === 'ip6' ? 'ipv6_addr' : 'ipv4_addr');
  const portType = valueTypeOf('inet_service');
  let address: RegisterRange | undefined;
  let port: RegisterRange | undefined;
  let next = 0;
  if (statement.address !== undefined) {
    const expected =
      statement.port === undefined ? natTypes(loader, statement.address, addressType, portType) : [addressType];
    const loaded = loadBounds(loader, statement.address, 0, ...expected);
    address = loaded.registers;
    next = loaded.next;
    if (expected.length > 1) port = { from: addressType.bytes / 4 };
  }
  if (statement.port !== undefined) port = loadBounds(loader, statement.port, next, portType).registers;
  loader.expressions.push({
    name: 'nat',
    type: statement.type,
    family: FAMILY_NUMBERS[own],
    ...(address !== undefined && { address }),
    ...(port !== undefined && { port }),
    flags: natFlags(statement.flags),
  });
}

/** What a translation takes from an expression: an address, or from a map of both address and port. */
function natTypes(loader: ValueLoader, expression: Expression, address: ValueType, port: ValueType): ValueType[] {
  const both =
    expression.kind === 'map'
      ? loader.typesOf(expression)?.length === 2
      : expression.kind === 'anonymous-map' &&
        expression.elements.some(({ value }) => !isVerdict(value) && value.length === 2);
  return both ? [address, port] : [address];
}

/** Loads a value, or both ends of a range one after the other. */
function loadBounds(
  loader: ValueLoader,
  expression: Expression,
  register: Register,
  ...types: ValueType[]
): { readonly registers: RegisterRange; readonly next: Register } {
  if (expression.kind === 'literal' && expression.literal.kind === 'range') {
    const { from, to } = expression.literal;
    const middle = register + loader.load({ kind: 'literal', literal: from }, register, types);
    const next = middle + loader.load({ kind: 'literal', literal: to }, middle, types);
    return { registers: { from: register, to: middle }, next };
  }
  return { registers: { from: register }, next: register + loader.load(expression, register, types) };
}

function natFlags(flags: readonly NatFlag[]): number {
  return flags.reduce((sum, flag) => sum | NAT_FLAGS[flag], 0);
}
