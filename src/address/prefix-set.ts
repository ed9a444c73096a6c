import { comparePrefixes, type Prefix, prefixCovers } from './prefix.ts';

/** The same addresses by prefixes none of which lies in another, in order: what a set of intervals takes. */
export function disjointPrefixes(prefixes: Iterable<Prefix>): readonly Prefix[] {
  const disjoint: Prefix[] = [];
  for (const prefix of [...prefixes].sort(comparePrefixes)) {
    const last = disjoint.at(-1);
    if (last === undefined || !prefixCovers(last, prefix)) disjoint.push(prefix);
  }
  return disjoint;
}
