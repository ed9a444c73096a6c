import { tryParseAddress } from '../../../address/address.ts';
import type { Expression, Literal, Rule, Statement } from '../../node.ts';
import { formatRule } from '../format-iptables-save.ts';
import type { AddressMatch, IptablesMatch, IptablesRule, IptablesTarget, Negatable } from '../node.ts';
import { constant, equals, match, numberLiteral, parseProtocol } from './match-statement.ts';
import { type MatchContext, translateMatch } from './translate-match.ts';
import { translateTarget } from './translate-target.ts';

export interface TableContext extends MatchContext {
  /** Names of the table's chains. */
  readonly chains: { has(name: string): boolean };
}

/**
 * A rule in nft's terms. A match that can't be said in them becomes `unknown` with `only: match`, a target `unknown`: the first
 * may hold or not, the second may do anything.
 * @param line as the rule is written
 */
export function translateRule(chain: string, rule: IptablesRule, line: string, context: TableContext): Rule {
  const statements: Statement[] = [];
  const source = addressStatement('saddr', rule.source, context);
  const destination = addressStatement('daddr', rule.destination, context);
  if (source !== undefined) statements.push(source);
  if (destination !== undefined) statements.push(destination);
  if (rule.inputInterface !== undefined) statements.push(...interfaceStatements('iifname', rule.inputInterface));
  if (rule.outputInterface !== undefined) statements.push(...interfaceStatements('oifname', rule.outputInterface));
  if (rule.protocol !== undefined) statements.push(...protocolStatements(rule.protocol));
  if (rule.fragment !== undefined) statements.push(fragmentStatement(rule.fragment.negated));
  for (const given of rule.matches)
    if (given.module !== 'comment') statements.push(...(translateMatch(given, context) ?? [unknownMatch(given)]));
  if (rule.counters !== undefined) statements.push({ kind: 'counter', ...rule.counters });
  if (rule.target !== undefined)
    statements.push(...(translateTarget(rule.target, chain, context.chains) ?? [unknownTarget(rule.target)]));
  const comment = commentOf(rule);
  return comment === undefined ? { statements, text: line } : { statements, comment, text: line };
}

function commentOf({ matches }: IptablesRule): string | undefined {
  let comment: string | undefined;
  for (const { module, options } of matches) {
    if (module !== 'comment') continue;
    const words = (options[0]?.values ?? []).join(' ');
    comment = comment === undefined ? words : `${comment} ${words}`;
  }
  return comment;
}

function addressStatement(
  end: 'saddr' | 'daddr',
  asked: Negatable<AddressMatch> | undefined,
  { family }: TableContext,
): Statement | undefined {
  if (asked === undefined) return undefined;
  const { value, negated } = asked;
  const field: Expression = { kind: 'payload', field: family === 4 ? `ip ${end}` : `ip6 ${end}` };
  if (value.kind === 'mask') {
    const [address, mask] = value.text.split('/').map(tryParseAddress);
    if (address?.family !== family || mask?.family !== family)
      return {
        kind: 'unknown',
        text: `${negated ? '! ' : ''}${end === 'saddr' ? '-s' : '-d'} ${value.text}`,
        only: 'match',
      };
    const right: Expression = { kind: 'literal', literal: { kind: 'address', address: mask } };
    return equals({ kind: 'binary', operator: '&', left: field, right }, negated, { kind: 'address', address });
  }
  const { prefix } = value;
  const literal: Literal =
    prefix.length === (family === 4 ? 32 : 128)
      ? { kind: 'address', address: prefix.address }
      : { kind: 'prefix', prefix };
  return equals(field, negated, literal);
}

/** `veth+` stands for all that begin so, `+` for all. */
function interfaceStatements(key: 'iifname' | 'oifname', { value, negated }: Negatable<string>): readonly Statement[] {
  if (value === '+' && !negated) return [];
  return [equals({ kind: 'meta', key }, negated, { kind: 'name', name: value.replace(/\+$/, '*') })];
}

/** The same few protocols stand in all rules. */
const PROTOCOLS = new Map<string, readonly Statement[]>();

function protocolStatements(asked: Negatable<string>): readonly Statement[] {
  if (asked.negated) return translateProtocol(asked);
  const known = PROTOCOLS.get(asked.value) ?? translateProtocol(asked);
  if (PROTOCOLS.size < 256) PROTOCOLS.set(asked.value, known);
  return known;
}

function translateProtocol({ value, negated }: Negatable<string>): readonly Statement[] {
  if (value === 'all' || value === '0') return [];
  const number = parseProtocol(value);
  if (number === undefined) return [{ kind: 'unknown', text: `-p ${value}`, only: 'match' }];
  return [equals({ kind: 'meta', key: 'l4proto' }, negated, numberLiteral(number))];
}

/** The 13 bits of a fragment's offset (RFC 791). */
const FRAGMENT_OFFSET = 0x1fff;

function fragmentStatement(negated: boolean): Statement {
  const offset: Expression = {
    kind: 'binary',
    operator: '&',
    left: { kind: 'payload', field: 'ip frag-off' },
    right: constant(FRAGMENT_OFFSET),
  };
  return match(offset, negated ? '==' : '!=', constant(0));
}

function unknownMatch({ module, options }: IptablesMatch): Statement {
  return {
    kind: 'unknown',
    text: formatRule('', { matches: [{ module, options }] }).replace(/^-A\s+/, ''),
    only: 'match',
  };
}

function unknownTarget(target: IptablesTarget): Statement {
  return { kind: 'unknown', text: formatRule('', { matches: [], target }).replace(/^-A\s+/, '') };
}
