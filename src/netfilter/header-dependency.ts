import type { Expression, PayloadField, Statement, TableFamily } from './node.ts';
import { type HeaderDependency, headerDependencies, PAYLOAD_FIELDS } from './payload-field.ts';

/** The expressions that stand directly in a statement. */
export function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.kind) {
    case 'match':
      return [statement.left, statement.right];
    case 'vmap':
      return [statement.key];
    case 'nat':
      return [statement.address, statement.port].filter((expression) => expression !== undefined);
    case 'masquerade':
    case 'redirect':
      return statement.port === undefined ? [] : [statement.port];
    case 'set-meta':
    case 'set-ct':
    case 'set-payload':
      return [statement.value];
    case 'dynamic-set':
      return statement.value === undefined ? [statement.key] : [statement.key, statement.value];
    case 'verdict':
    case 'counter':
    case 'reject':
    case 'notrack':
    case 'limit':
    case 'log':
    case 'unknown':
      return [];
    default: {
      const never: never = statement;
      return never;
    }
  }
}

/** The expressions that stand directly in an expression. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'jhash':
      return [expression.of];
    case 'binary':
      return [expression.left, expression.right];
    case 'concatenation':
      return expression.parts;
    case 'map':
    case 'anonymous-map':
      return [expression.key];
    case 'literal':
    case 'payload':
    case 'meta':
    case 'ct':
    case 'fib':
    case 'numgen':
    case 'set':
    case 'set-reference':
      return [];
    default: {
      const never: never = expression;
      return never;
    }
  }
}

function* fieldsIn(expression: Expression): Generator<PayloadField> {
  if (expression.kind === 'payload') yield expression.field;
  for (const part of partsOf(expression)) yield* fieldsIn(part);
}

/** What must hold before a statement may look at the headers that it does, in order, each once. */
export function headerDependenciesOf(statement: Statement, family: TableFamily): readonly HeaderDependency[] {
  const dependencies: HeaderDependency[] = [];
  const require = (field: PayloadField) => {
    for (const dependency of headerDependencies(PAYLOAD_FIELDS[field].header, family)) {
      const known = dependencies.some(({ key, value }) => key === dependency.key && value === dependency.value);
      if (!known) dependencies.push(dependency);
    }
  };
  for (const expression of expressionsOf(statement)) for (const field of fieldsIn(expression)) require(field);
  if (statement.kind === 'set-payload') require(statement.field);
  // A TCP reset answers TCP only.
  if (statement.kind === 'reject' && statement.with === 'tcp reset') dependencies.push({ key: 'l4proto', value: 6 });
  return dependencies;
}

/** The fact that a statement establishes for those behind it, if it compares such metadata with one value. */
export function establishedFact(statement: Statement): HeaderDependency | undefined {
  if (statement.kind !== 'match' || statement.operator !== '==' || statement.left.kind !== 'meta') return undefined;
  if (statement.right.kind !== 'literal' || statement.right.literal.kind !== 'number') return undefined;
  const { key } = statement.left;
  if (key !== 'nfproto' && key !== 'protocol' && key !== 'l4proto' && key !== 'iiftype') return undefined;
  return { key, value: statement.right.literal.value };
}

/** True if the statement is the match that the dependency asks for. */
export function isDependency(statement: Statement, dependency: HeaderDependency): boolean {
  const fact = establishedFact(statement);
  return fact !== undefined && fact.key === dependency.key && fact.value === dependency.value;
}

/** Told, by whoever reads a statement, what it is about without saying so. */
export interface HeaderNeeds {
  /** Number of the transport protocol whose header it looks at. */
  requireTransport(protocol: number): void;
  /** The family whose errors a rejection sends: it is for packets of that family alone. */
  requireNetwork(header: 'ip' | 'ip6'): void;
}

/** Adds the statement that is read, behind the matches that it needs and that aren't there yet. */
export function addWithDependencies(
  statements: Statement[],
  family: TableFamily,
  read: (needs: HeaderNeeds) => Statement,
): void {
  const required: HeaderDependency[] = [];
  const statement = read({
    requireTransport: (value) => required.push({ key: 'l4proto', value }),
    requireNetwork: (header) => required.push(...headerDependencies(header, family)),
  });
  for (const dependency of required)
    if (!statements.some((each) => isDependency(each, dependency))) statements.push(dependencyMatch(dependency));
  statements.push(statement);
}

/** The match that establishes a dependency. */
export function dependencyMatch(dependency: HeaderDependency): Statement {
  return {
    kind: 'match',
    operator: '==',
    left: { kind: 'meta', key: dependency.key },
    right: { kind: 'literal', literal: { kind: 'number', value: dependency.value } },
  };
}
