import { isVerdict } from './element-key.ts';
import { expressionsOf } from './header-dependency.ts';
import type { Expression, MapElement, Rule, Statement, Verdict } from './node.ts';

/** What the rules of a chain name: sets and maps, and the chains that they jump to. */
export interface RuleReferences {
  readonly sets: ReadonlySet<string>;
  readonly chains: ReadonlySet<string>;
}

/** The sets, maps and chains that rules refer to. */
export function referencesOf(rules: readonly Rule[]): RuleReferences {
  const sets = new Set<string>();
  const chains = new Set<string>();
  const addVerdict = (verdict: Verdict) => {
    if (verdict.kind === 'jump' || verdict.kind === 'goto') chains.add(verdict.chain);
  };
  const addElements = (elements: readonly MapElement[]) => {
    for (const { value } of elements) if (isVerdict(value)) addVerdict(value);
  };
  const addExpression = (expression: Expression) => {
    if (expression.kind === 'set-reference' || expression.kind === 'map') sets.add(expression.name);
    if (expression.kind === 'anonymous-map') addElements(expression.elements);
    if (expression.kind === 'map' || expression.kind === 'anonymous-map') addExpression(expression.key);
    if (expression.kind === 'concatenation') expression.parts.forEach(addExpression);
    if (expression.kind === 'jhash') addExpression(expression.of);
    if (expression.kind === 'binary') for (const side of [expression.left, expression.right]) addExpression(side);
  };
  const addStatement = (statement: Statement) => {
    expressionsOf(statement).forEach(addExpression);
    if (statement.kind === 'verdict') addVerdict(statement.verdict);
    if (statement.kind === 'dynamic-set') sets.add(statement.set);
    if (statement.kind === 'vmap') {
      if ('name' in statement.map) sets.add(statement.map.name);
      else addElements(statement.map.elements);
    }
  };
  for (const rule of rules) rule.statements.forEach(addStatement);
  return { sets, chains };
}
