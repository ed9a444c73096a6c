import { directoryOf } from '../../netfilter/chain-directory.ts';
import type { BaseChain, Chain, Ruleset, Table } from '../../netfilter/node.ts';
import type { NatEnd } from './connection.ts';
import type { IpHook } from './evaluate-hook.ts';
import { tracksConnections } from './tracks-connections.ts';

/** `linux/netfilter_ipv4.h`: NF_IP_PRI_CONNTRACK_DEFRAG, NF_IP_PRI_CONNTRACK, NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC. */
const DEFRAG = -400;
const CONNTRACK = -200;
const NAT_PRIORITY = { destination: -100, source: 100 } as const;

const NAT_ENDS: Readonly<Record<IpHook, NatEnd | undefined>> = {
  prerouting: 'destination',
  output: 'destination',
  input: 'source',
  postrouting: 'source',
  forward: undefined,
};

export interface ChainEntry {
  readonly kind: 'chain';
  readonly table: Table;
  readonly chain: Chain;
  readonly base: BaseChain;
  readonly priority: number;
}

/** Something that runs at a hook. Chains of type nat run where nat does, in the order of their own priorities. */
export type HookEntry =
  | ChainEntry
  | { readonly kind: 'conntrack'; readonly priority: number }
  | { readonly kind: 'nat'; readonly priority: number; readonly end: NatEnd; readonly chains: readonly ChainEntry[] };

const ENTRIES = new WeakMap<Ruleset, Map<string, readonly HookEntry[]>>();

/** What is registered at a hook; found once for each ruleset, which may have a hundred thousand chains. */
export function entriesOf(hook: IpHook, ruleset: Ruleset, family: 4 | 6): readonly HookEntry[] {
  const known = ENTRIES.get(ruleset) ?? new Map<string, readonly HookEntry[]>();
  ENTRIES.set(ruleset, known);
  const key = `${hook} ${family}`;
  const entries = known.get(key) ?? findEntries(hook, ruleset, family);
  known.set(key, entries);
  return entries;
}

/** Whether any chains see packets at a hook. */
export function hasChains(hook: IpHook, ruleset: Ruleset, family: 4 | 6): boolean {
  return entriesOf(hook, ruleset, family).some(({ kind }) => kind === 'chain');
}

function findEntries(hook: IpHook, ruleset: Ruleset, family: 4 | 6): readonly HookEntry[] {
  const end = NAT_ENDS[hook];
  const chains = ruleset.tables
    .filter((table) => table.family === 'inet' || table.family === (family === 4 ? 'ip' : 'ip6'))
    .filter(({ flags }) => !flags.includes('dormant'))
    .flatMap(chainEntries);
  // of one priority, what was registered last comes first
  const here = chains.filter(({ base }) => base.hook === hook).reverse();
  const nat = here.filter(({ base }) => base.type === 'nat').sort(byPriority);
  const entries: HookEntry[] = here.filter(({ base }) => base.type !== 'nat');
  if (tracksConnections(ruleset, family)) {
    if (end !== undefined) {
      const first = chains.findIndex(({ base }) => base.type === 'nat');
      const later = chains.slice(Math.max(first, 0)).filter(({ base }) => base.hook === hook && base.type !== 'nat');
      entries.splice(later.length, 0, { kind: 'nat', priority: NAT_PRIORITY[end], end, chains: nat });
    }
    if (hook === 'prerouting' || hook === 'output') entries.unshift({ kind: 'conntrack', priority: CONNTRACK });
  }
  return entries.sort(byPriority);
}

/** The base chains of a table, in its order. */
export function chainEntries(table: Table): readonly ChainEntry[] {
  return directoryOf(table.chains).registered.map((chain): ChainEntry => {
    const { base } = chain;
    return { kind: 'chain', table, chain, base, priority: base.priority };
  });
}

export function byPriority(left: HookEntry, right: HookEntry): number {
  return left.priority - right.priority;
}

/** Whether something sees packets before conntrack has put their fragments together. */
export function isBeforeDefrag({ priority }: HookEntry): boolean {
  return priority < DEFRAG;
}
