import { comparePrefixes, type Prefix, prefixCovers } from '../address/prefix.ts';

/** Somebody's use of a prefix. */
export interface PrefixClaim {
  readonly prefix: Prefix;
  /** The node whose pods live there; absent for what a host or the services use otherwise. */
  readonly podsOf?: string;
  /** For people: `pod prefix 10.244.1.0/24 of node-1`. */
  readonly description: string;
}

/** Two claims on the same addresses; `node` is one whose pods are concerned. */
export interface PrefixConflict {
  readonly node: string;
  /** Names both sides. */
  readonly message: string;
}

/** All pairs of overlapping claims that concern pods. Prefixes nest or are apart, so one pass over them in order does. */
export function findPrefixConflicts(claims: readonly PrefixClaim[]): readonly PrefixConflict[] {
  const conflicts: PrefixConflict[] = [];
  const enclosing: PrefixClaim[] = [];
  for (const claim of [...claims].sort((left, right) => comparePrefixes(left.prefix, right.prefix))) {
    for (
      let top = enclosing.at(-1);
      top !== undefined && !prefixCovers(top.prefix, claim.prefix);
      top = enclosing.at(-1)
    )
      enclosing.pop();
    for (const outer of enclosing) {
      if (outer.podsOf === claim.podsOf) continue;
      if (claim.podsOf !== undefined) conflicts.push(conflict(claim.podsOf, claim, outer));
      if (outer.podsOf !== undefined) conflicts.push(conflict(outer.podsOf, outer, claim));
    }
    enclosing.push(claim);
  }
  return conflicts;
}

function conflict(node: string, own: PrefixClaim, other: PrefixClaim): PrefixConflict {
  return { node, message: `${own.description} overlaps ${other.description}` };
}
