import { elementKey, isVerdict } from './element-key.ts';
import { headerDependenciesOf, isDependency } from './header-dependency.ts';
import { canonicalLiteral } from './literal-bounds.ts';
import type { Expression, MapElement, Rule, SetElement, Statement, TableFamily } from './node.ts';

/**
 * The one form of all rules that mean the same to the kernel: what nft says by default is said, matches that a header
 * implies are left out where they stand right before it, elements are ordered, counters bear no counts.
 */
export function canonicalRule(rule: Rule, family: TableFamily): Rule {
  const statements: Statement[] = [];
  for (const given of rule.statements) {
    const statement = canonicalStatement(given, family);
    const implied = headerDependenciesOf(statement, family);
    for (let last = statements.at(-1); last !== undefined && implied.length > 0; last = statements.at(-1)) {
      if (!implied.some((dependency) => last !== undefined && isDependency(last, dependency))) break;
      statements.pop();
    }
    statements.push(statement);
  }
  return { statements, ...(rule.comment !== undefined && { comment: rule.comment }) };
}

function canonicalStatement(statement: Statement, family: TableFamily): Statement {
  switch (statement.kind) {
    case 'match':
      return canonicalMatch(statement);
    case 'vmap':
      return {
        kind: 'vmap',
        key: canonicalExpression(statement.key),
        map: 'name' in statement.map ? statement.map : { elements: canonicalElements(statement.map.elements) },
      };
    case 'counter':
      return { kind: 'counter' };
    case 'nat':
      return {
        kind: 'nat',
        type: statement.type,
        ...(statement.family !== undefined && family !== 'ip' && family !== 'ip6' && { family: statement.family }),
        ...(statement.address !== undefined && { address: canonicalExpression(statement.address) }),
        ...(statement.port !== undefined && { port: canonicalExpression(statement.port) }),
        flags: [...statement.flags].sort(),
      };
    case 'masquerade':
    case 'redirect':
      return {
        kind: statement.kind,
        ...(statement.port !== undefined && { port: canonicalExpression(statement.port) }),
        flags: [...statement.flags].sort(),
      };
    case 'reject':
      return { kind: 'reject', with: statement.with ?? 'port-unreachable' };
    case 'set-meta':
    case 'set-ct':
    case 'set-payload':
      return { ...statement, value: canonicalExpression(statement.value) };
    case 'limit': {
      const unit = statement.unit ?? 'packets';
      const { kind, rate, per, over } = statement;
      return { kind, rate, per, burst: statement.burst ?? (unit === 'packets' ? 5 : 0), over, unit };
    }
    case 'dynamic-set':
      return {
        ...statement,
        key: canonicalExpression(statement.key),
        ...(statement.value !== undefined && { value: canonicalExpression(statement.value) }),
      };
    case 'verdict':
    case 'notrack':
    case 'log':
    case 'unknown':
      return statement;
    default: {
      const never: never = statement;
      return never;
    }
  }
}

function canonicalMatch(statement: Extract<Statement, { kind: 'match' }>): Statement {
  const left = canonicalExpression(statement.left);
  let right = canonicalExpression(statement.right);
  let operator = statement.operator;
  if (operator === 'in' && right.kind === 'set') {
    const bits = right.elements.map(({ key: [literal] }) => (literal?.kind === 'number' ? literal.value : 0));
    right = { kind: 'literal', literal: { kind: 'number', value: bits.reduce((sum, bit) => sum | bit, 0) } };
  } else if (operator === 'in' && right.kind !== 'literal') operator = '==';
  if (right.kind === 'set' && right.elements.length === 1) {
    const literals = right.elements[0]?.key ?? [];
    const [only] = literals;
    // nft takes a set of one for the value itself; a concatenation stays a set.
    if (only !== undefined && literals.length === 1) right = { kind: 'literal', literal: only };
  }
  return { kind: 'match', operator, left, right };
}

function canonicalExpression(expression: Expression): Expression {
  switch (expression.kind) {
    case 'literal':
      return { kind: 'literal', literal: canonicalLiteral(expression.literal) };
    case 'jhash': {
      const { kind, modulus, offset, seed } = expression;
      return { kind, of: canonicalExpression(expression.of), modulus, ...(seed && { seed }), offset };
    }
    case 'binary':
      return {
        ...expression,
        left: canonicalExpression(expression.left),
        right: canonicalExpression(expression.right),
      };
    case 'concatenation': {
      const [only] = expression.parts;
      if (expression.parts.length === 1 && only !== undefined) return canonicalExpression(only);
      return { kind: 'concatenation', parts: expression.parts.map(canonicalExpression) };
    }
    case 'set':
      return { kind: 'set', elements: canonicalElements(expression.elements) };
    case 'map':
      return { ...expression, key: canonicalExpression(expression.key) };
    case 'anonymous-map':
      return {
        ...expression,
        key: canonicalExpression(expression.key),
        elements: canonicalElements(expression.elements),
      };
    case 'payload':
    case 'meta':
    case 'ct':
    case 'fib':
    case 'numgen':
    case 'set-reference':
      return expression;
    default: {
      const never: never = expression;
      return never;
    }
  }
}

/** Elements in the order of their keys, each with the plainest literals; when they expire is left out. */
export function canonicalElements(elements: readonly MapElement[]): MapElement[];
export function canonicalElements(elements: readonly SetElement[]): SetElement[];
export function canonicalElements(elements: readonly (SetElement | MapElement)[]): (SetElement | MapElement)[] {
  return elements
    .map((element) => ({ key: elementKey(element), element: canonicalElement(element) }))
    .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
    .map(({ element }) => element);
}

function canonicalElement(element: SetElement | MapElement): SetElement | MapElement {
  return {
    key: element.key.map(canonicalLiteral),
    ...('value' in element && {
      value: isVerdict(element.value) ? element.value : element.value.map(canonicalLiteral),
    }),
    ...(element.timeout !== undefined && { timeout: element.timeout }),
    ...(element.comment !== undefined && { comment: element.comment }),
  };
}
