import { expressionsOf } from './header-dependency.ts';
import type { Expression, Statement, Table } from './node.ts';

/**
 * The expression with which some rule asks a set, where it has parts of which nft knows no type by name: numbers of
 * generators and hashes. Undefined where there is none.
 */
export function keyExpression(set: string, table: Table): Expression | undefined {
  for (const chain of table.chains)
    for (const rule of chain.rules)
      for (const statement of rule.statements) {
        const key = keyIn(statement, set);
        if (key !== undefined && isNameless(key)) return key;
      }
  return undefined;
}

function keyIn(statement: Statement, set: string): Expression | undefined {
  if (statement.kind === 'match' && statement.right.kind === 'set-reference' && statement.right.name === set)
    return statement.left;
  if (statement.kind === 'vmap' && 'name' in statement.map && statement.map.name === set) return statement.key;
  for (const expression of expressionsOf(statement))
    if (expression.kind === 'map' && expression.name === set) return expression.key;
  return undefined;
}

function isNameless(expression: Expression): boolean {
  if (expression.kind === 'concatenation') return expression.parts.some(isNameless);
  return expression.kind === 'numgen' || expression.kind === 'jhash';
}
