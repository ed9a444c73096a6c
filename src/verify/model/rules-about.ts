import type { Address } from '../../address/address.ts';
import type { Chain, Rule } from '../../netfilter/node.ts';
import { KeyIndex } from './key-index.ts';
import { observer } from './observation.ts';

/** Chains with fewer rules are as fast without an index. */
const LONG_CHAIN = 64;

const INDEXES = new WeakMap<Chain, KeyIndex<bigint, Rule>>();

/**
 * The rules of a chain that may say anything of packets to an address, in their order: kube-proxy makes one for each of ten
 * thousand services, and all but one first ask for another address. Who watches the walk sees all of them.
 */
export function rulesAbout(chain: Chain, destination: Address): readonly Rule[] {
  const { rules } = chain;
  if (rules.length < LONG_CHAIN || observer() !== undefined) return rules;
  const index = INDEXES.get(chain) ?? new KeyIndex(rules, askedDestination);
  INDEXES.set(chain, index);
  // an address of the other family with the same value does no harm: its rule is evaluated, and doesn't match
  return index.itemsWith(destination.value);
}

/** The destination without which a rule ends at its first statement. */
function askedDestination({ statements }: Rule): bigint | undefined {
  const first = statements[0];
  if (first?.kind !== 'match' || first.operator !== '==' || first.left.kind !== 'payload') return undefined;
  const { left, right } = first;
  if (right.kind !== 'literal' || right.literal.kind !== 'address') return undefined;
  const { family, value } = right.literal.address;
  return left.field === (family === 4 ? 'ip daddr' : 'ip6 daddr') ? value : undefined;
}
