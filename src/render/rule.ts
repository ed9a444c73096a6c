/** Short ways to write the typed nodes of rules. */
import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';
import type { Prefix } from '../address/prefix.ts';
import type { Expression, Literal, MatchOperator, PayloadField, Rule, Statement } from '../netfilter/node.ts';

export function field(name: PayloadField): Expression {
  return { kind: 'payload', field: name };
}

export function addressLiteral(address: Address): Literal {
  return { kind: 'address', address };
}

export function prefixLiteral(prefix: Prefix): Literal {
  return { kind: 'prefix', prefix };
}

export function macLiteral(mac: Mac): Literal {
  return { kind: 'mac', mac };
}

export function numberLiteral(value: number): Literal {
  return { kind: 'number', value };
}

function match(operator: MatchOperator, left: Expression, right: Expression): Statement {
  return { kind: 'match', operator, left, right };
}

export function equals(name: PayloadField, literal: Literal): Statement {
  return match('==', field(name), { kind: 'literal', literal });
}

export function differs(name: PayloadField, literal: Literal): Statement {
  return match('!=', field(name), { kind: 'literal', literal });
}

/** True for packets whose field has one of the values. */
export function isOneOf(name: PayloadField, literals: readonly Literal[]): Statement {
  return match('==', field(name), { kind: 'set', elements: literals.map((literal) => ({ key: [literal] })) });
}

/** True for packets whose field is in no element of the named set. */
export function isOutside(name: PayloadField, set: string): Statement {
  return match('!=', field(name), { kind: 'set-reference', name: set });
}

export const ACCEPT: Statement = { kind: 'verdict', verdict: { kind: 'accept' } };
export const DROP: Statement = { kind: 'verdict', verdict: { kind: 'drop' } };

/** Goes through another chain, and comes back. */
export function jump(chain: string): Statement {
  return { kind: 'verdict', verdict: { kind: 'jump', chain } };
}

/** Goes through another chain in place of the rest of this one. */
export function goTo(chain: string): Statement {
  return { kind: 'verdict', verdict: { kind: 'goto', chain } };
}

export function rule(...statements: readonly Statement[]): Rule {
  return { statements };
}
