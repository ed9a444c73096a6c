import type { HostGroup } from './fleet-view.ts';
import type { HostSketch } from './host-sketch.ts';

/** Hosts that are alike for some others, and which pods are on them. */
export class HostSet {
  readonly hosts: readonly HostSketch[];
  /** How many pods of a form there are on them, and the first host with any. */
  readonly pods: ReadonlyMap<number, { readonly count: number; readonly host: HostSketch }>;
  readonly nodes: number;

  constructor(hosts: readonly HostSketch[]) {
    this.hosts = hosts;
    const pods = new Map<number, { count: number; readonly host: HostSketch }>();
    let nodes = 0;
    for (const host of hosts) {
      if (host.isNode) nodes++;
      for (const { form } of host.pods) {
        const known = pods.get(form);
        if (known === undefined) pods.set(form, { count: 1, host });
        else known.count++;
      }
    }
    this.pods = pods;
    this.nodes = nodes;
  }
}

/** All pairs of a host of one set with a host of another, none of them with itself. */
export interface HostPairs {
  readonly from: HostSet;
  readonly to: HostSet;
  /** The hosts that are in both sets. */
  readonly both: readonly HostSketch[];
}

/** Pairs of hosts that are alike: as made, and in what each knows of the other. */
export interface PairClass {
  readonly pairs: HostPairs[];
}

/** One pair of hosts that is like no other. */
export interface SingularPair {
  readonly from: HostSketch;
  readonly to: HostSketch;
}

/** What a group knows of each host, by the host's place; `undefined` of those that are only to be looked at by themselves. */
export type Outlooks = readonly (number | undefined)[];

/** Sorts all ordered pairs of different hosts into classes. */
export function classifyPairs(
  groups: readonly HostGroup[],
  outlooks: readonly Outlooks[],
): { readonly classes: Iterable<PairClass>; readonly singular: readonly SingularPair[] } {
  const classes = new Map<string, PairClass>();
  const singular: SingularPair[] = [];
  for (const [here, from] of groups.entries())
    for (const [there, to] of groups.entries()) {
      const senders = setsBy(from.members, outlooks[there] ?? []);
      const receivers = setsBy(to.members, outlooks[here] ?? []);
      for (const [known, sending] of senders)
        for (const [seen, receiving] of receivers) {
          if (known === undefined || seen === undefined) {
            for (const one of sending.hosts)
              for (const other of receiving.hosts) if (one !== other) singular.push({ from: one, to: other });
            continue;
          }
          const inBoth = here === there ? new Set(receiving.hosts) : undefined;
          const both = inBoth === undefined ? [] : sending.hosts.filter((host) => inBoth.has(host));
          if (both.length === 1 && sending.hosts.length === 1 && receiving.hosts.length === 1) continue;
          const key = [from.form, to.form, known, seen].join();
          const found = classes.get(key);
          const pairs: HostPairs = { from: sending, to: receiving, both };
          if (found === undefined) classes.set(key, { pairs: [pairs] });
          else found.pairs.push(pairs);
        }
    }
  return { classes: classes.values(), singular };
}

function setsBy(hosts: readonly HostSketch[], outlooks: Outlooks): ReadonlyMap<number | undefined, HostSet> {
  const sets = new Map<number | undefined, HostSet>();
  for (const [outlook, members] of Map.groupBy(hosts, ({ place }) => outlooks[place]))
    sets.set(outlook, new HostSet(members));
  return sets;
}
