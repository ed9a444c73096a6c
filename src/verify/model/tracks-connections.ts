import { expressionsOf, partsOf } from '../../netfilter/header-dependency.ts';
import type { Chain, Expression, Ruleset, Statement } from '../../netfilter/node.ts';

const TRACKING = new WeakMap<Ruleset, Map<4 | 6, boolean>>();

/** Whether connections of a family are tracked at all: where a rule asks for it (`nf_ct_netns_get`). */
export function tracksConnections(ruleset: Ruleset, family: 4 | 6): boolean {
  const known = TRACKING.get(ruleset) ?? new Map<4 | 6, boolean>();
  TRACKING.set(ruleset, known);
  let tracks = known.get(family);
  if (tracks === undefined) {
    tracks = ruleset.tables
      .filter((table) => table.family === 'inet' || table.family === (family === 4 ? 'ip' : 'ip6'))
      // a short chain with such a rule saves the look through that of ten thousand services
      .some(({ chains }) => shortestFirst(chains).some((chain) => asksForTracking(chain, family)));
    known.set(family, tracks);
  }
  return tracks;
}

function shortestFirst(chains: readonly Chain[]): readonly Chain[] {
  return chains.toSorted((left, right) => left.rules.length - right.rules.length);
}

function asksForTracking({ rules }: Chain, family: 4 | 6): boolean {
  return rules.some(({ statements }) => statements.some((each) => needsTracking(each, family)));
}

function needsTracking(statement: Statement, family: 4 | 6): boolean {
  const { kind } = statement;
  // of a table for both families it asks for its own only (`nft_nat_init`)
  if (kind === 'nat' && statement.family !== undefined) return statement.family === (family === 4 ? 'ip' : 'ip6');
  if (kind === 'nat' || kind === 'masquerade' || kind === 'redirect' || kind === 'set-ct' || kind === 'unknown')
    return true;
  return expressionsOf(statement).some(readsConnection);
}

function readsConnection(expression: Expression): boolean {
  return expression.kind === 'ct' || partsOf(expression).some(readsConnection);
}
