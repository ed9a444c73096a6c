import { type Address, addressKey } from '../../address/address.ts';
import type { Chain, Rule } from '../../netfilter/node.ts';
import { observer } from './observation.ts';

/** Chains with fewer rules are as fast without an index. */
const LONG_CHAIN = 64;

/** A chain's rules by the one address that each asks for first; the others, and where each stands. */
interface RuleIndex {
  readonly byDestination: ReadonlyMap<string, readonly number[]>;
  readonly others: readonly number[];
}

const indexes = new WeakMap<Chain, RuleIndex>();

/**
 * The rules of a chain that may say anything of packets to an address, in their order: kube-proxy makes one for each of ten
 * thousand services, and all but one first ask for another address. Who watches the walk sees all of them.
 */
export function rulesAbout(chain: Chain, destination: Address): readonly Rule[] {
  const { rules } = chain;
  if (rules.length < LONG_CHAIN || observer() !== undefined) return rules;
  const index = indexes.get(chain) ?? indexOf(rules);
  indexes.set(chain, index);
  const own = index.byDestination.get(addressKey(destination)) ?? [];
  const places = [...index.others, ...own].sort((left, right) => left - right);
  return places.flatMap((place) => rules[place] ?? []);
}

function indexOf(rules: readonly Rule[]): RuleIndex {
  const byDestination = new Map<string, number[]>();
  const others: number[] = [];
  for (const [place, rule] of rules.entries()) {
    const asked = askedDestination(rule);
    if (asked === undefined) others.push(place);
    else {
      const key = addressKey(asked);
      const places = byDestination.get(key);
      if (places === undefined) byDestination.set(key, [place]);
      else places.push(place);
    }
  }
  return { byDestination, others };
}

/** The destination without which a rule ends at its first statement. */
function askedDestination({ statements: [first] }: Rule): Address | undefined {
  if (first?.kind !== 'match' || first.operator !== '==' || first.left.kind !== 'payload') return undefined;
  const { left, right } = first;
  if (right.kind !== 'literal' || right.literal.kind !== 'address') return undefined;
  const { address } = right.literal;
  return left.field === (address.family === 4 ? 'ip daddr' : 'ip6 daddr') ? address : undefined;
}
