import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { literalBounds } from '../../netfilter/literal-bounds.ts';
import type { Literal, Ruleset, SetElement, Statement, Table } from '../../netfilter/node.ts';
import { holds } from '../model/bounds.ts';
import { aspectsOf } from '../model/observe-comparison.ts';

const SCTP = BigInt(PROTOCOL_NUMBERS.sctp);

/** Whether a rule or a set names SCTP. Where none does, nobody thought of it, and it isn't asked about. */
export function speaksOfSctp({ tables }: Ruleset): boolean {
  return tables.some(
    (table) =>
      [...table.sets, ...table.maps].some(({ key, elements }) => {
        const place = key.indexOf('inet_proto');
        return place >= 0 && namedAt(elements, place);
      }) || rulesName(table),
  );
}

function rulesName({ chains }: Table): boolean {
  return chains.some(({ rules }) => rules.some(({ statements }) => statements.some(statementNames)));
}

function statementNames(statement: Statement): boolean {
  if (statement.kind === 'vmap')
    return 'elements' in statement.map && namedAt(statement.map.elements, aspectsOf(statement.key).indexOf('protocol'));
  if (statement.kind !== 'match') return false;
  const place = aspectsOf(statement.left).indexOf('protocol');
  const { right } = statement;
  if (place < 0) return false;
  if (right.kind === 'set') return namedAt(right.elements, place);
  return right.kind === 'literal' && isSctp(right.literal);
}

function namedAt(elements: readonly SetElement[], place: number): boolean {
  return elements.some(({ key }) => {
    const literal = key[place];
    return literal !== undefined && isSctp(literal);
  });
}

function isSctp(literal: Literal): boolean {
  const bounds = literalBounds(literal);
  return bounds !== undefined && bounds.low === bounds.high && holds(bounds, SCTP);
}
