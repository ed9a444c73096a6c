import type { Ruleset, TableFamily } from '../../netfilter/node.ts';
import { type DeviceHook, type HookContext, type HookOutcome, type IpHook, runBaseChain } from './evaluate-hook.ts';
import type { Flight } from './flight.ts';
import { pieceByPiece } from './fragments.ts';
import type { ChainEntry } from './hook-entries.ts';

const CHAINS = new WeakMap<Ruleset, readonly ChainEntry[]>();
const BY_DEVICE = new WeakMap<Ruleset, Map<string, readonly ChainEntry[]>>();

/** The chains of tables of family netdev, and of inet's ingress, that look at a device's packets, in their order. */
export function deviceChains(ruleset: Ruleset, hook: DeviceHook, device: string): readonly ChainEntry[] {
  const all = CHAINS.get(ruleset) ?? findChains(ruleset);
  CHAINS.set(ruleset, all);
  if (all.length === 0) return all;
  const known = BY_DEVICE.get(ruleset) ?? new Map<string, readonly ChainEntry[]>();
  BY_DEVICE.set(ruleset, known);
  const key = `${hook} ${device}`;
  const its = known.get(key) ?? all.filter(({ base }) => base.hook === hook && base.devices?.some(covers(device)));
  known.set(key, its);
  return its;
}

const BRIDGE_CHAINS = new WeakMap<Ruleset, ReadonlyMap<string, readonly ChainEntry[]>>();

/** The chains of tables of family bridge at a hook, in their order. */
export function bridgeChains(ruleset: Ruleset, hook: IpHook): readonly ChainEntry[] {
  const known = BRIDGE_CHAINS.get(ruleset) ?? Map.groupBy(baseChains(ruleset, 'bridge'), ({ base }) => base.hook);
  BRIDGE_CHAINS.set(ruleset, known);
  return known.get(hook) ?? [];
}

const ARP_CHAINS = new WeakMap<Ruleset, ReadonlyMap<string, readonly ChainEntry[]>>();

/** The chains of tables of family arp at a hook, in their order. */
export function arpChains(ruleset: Ruleset, hook: IpHook): readonly ChainEntry[] {
  const known = ARP_CHAINS.get(ruleset) ?? Map.groupBy(baseChains(ruleset, 'arp'), ({ base }) => base.hook);
  ARP_CHAINS.set(ruleset, known);
  return known.get(hook) ?? [];
}

const FRAMES = new WeakMap<Ruleset, boolean>();

/** Whether any chains look at frames: at devices or in bridges. */
export function seesFrames(ruleset: Ruleset): boolean {
  const known = FRAMES.get(ruleset) ?? (findChains(ruleset).length > 0 || baseChains(ruleset, 'bridge').length > 0);
  FRAMES.set(ruleset, known);
  return known;
}

/** Runs a packet through the chains of a device. Nobody tracks connections there. */
export function evaluateDeviceHook(
  chains: readonly ChainEntry[],
  flight: Flight,
  context: HookContext,
): readonly HookOutcome[] {
  return pieceByPiece(flight, (piece) => {
    let outcomes: readonly HookOutcome[] = [{ flight: piece, probability: 1, verdict: { kind: 'accept' }, steps: [] }];
    for (const chain of chains)
      outcomes = outcomes.flatMap((outcome) =>
        outcome.verdict.kind === 'accept' ? runBaseChain(chain, outcome, undefined, context) : [outcome],
      );
    return outcomes;
  });
}

function findChains(ruleset: Ruleset): readonly ChainEntry[] {
  return baseChains(ruleset, 'netdev', 'inet').filter(({ base: { hook } }) => hook === 'ingress' || hook === 'egress');
}

function baseChains({ tables }: Ruleset, ...families: readonly TableFamily[]): readonly ChainEntry[] {
  return (
    tables
      .filter(({ family, flags }) => families.includes(family) && !flags.includes('dormant'))
      .flatMap((table) =>
        table.chains.flatMap((chain): ChainEntry[] => {
          const { base } = chain;
          return base === undefined ? [] : [{ kind: 'chain', table, chain, base, priority: base.priority }];
        }),
      )
      // of one priority, what was registered last comes first
      .reverse()
      .sort((left, right) => left.priority - right.priority)
  );
}

/** Newer kernels take `eth*` for all devices whose names begin so. */
function covers(device: string): (name: string) => boolean {
  return (name) => (name.endsWith('*') ? device.startsWith(name.slice(0, -1)) : name === device);
}
