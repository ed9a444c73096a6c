import type { Ruleset, TableFamily } from '../../netfilter/node.ts';
import { type DeviceHook, type HookContext, type HookOutcome, type IpHook, runBaseChain } from './evaluate-hook.ts';
import type { Flight } from './flight.ts';
import { pieceByPiece } from './fragments.ts';
import { byPriority, type ChainEntry, chainEntries } from './hook-entries.ts';

const BY_DEVICE = new WeakMap<Ruleset, Map<string, readonly ChainEntry[]>>();

/** The chains of tables of family netdev, and of inet's ingress, that look at a device's packets, in their order. */
export function deviceChains(ruleset: Ruleset, hook: DeviceHook, device: string): readonly ChainEntry[] {
  const all = allDeviceChains(ruleset);
  if (all.length === 0) return all;
  const known = BY_DEVICE.get(ruleset) ?? new Map<string, readonly ChainEntry[]>();
  BY_DEVICE.set(ruleset, known);
  const key = `${hook} ${device}`;
  const its = known.get(key) ?? all.filter(({ base }) => base.hook === hook && base.devices?.some(covers(device)));
  known.set(key, its);
  return its;
}

type ByHook = ReadonlyMap<string, readonly ChainEntry[]>;

const FRAME_CHAINS = { bridge: new WeakMap<Ruleset, ByHook>(), arp: new WeakMap<Ruleset, ByHook>() } as const;

/** The chains of tables of family bridge or arp at a hook, in their order. */
export function frameChains(ruleset: Ruleset, family: 'bridge' | 'arp', hook: IpHook): readonly ChainEntry[] {
  const cache = FRAME_CHAINS[family];
  const known = cache.get(ruleset) ?? Map.groupBy(baseChains(ruleset, family), ({ base }) => base.hook);
  cache.set(ruleset, known);
  return known.get(hook) ?? [];
}

const FRAMES = new WeakMap<Ruleset, boolean>();

/** Whether any chains look at frames: at devices or in bridges. */
export function seesFrames(ruleset: Ruleset): boolean {
  const known =
    FRAMES.get(ruleset) ?? (allDeviceChains(ruleset).length > 0 || baseChains(ruleset, 'bridge').length > 0);
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

const DEVICE_CHAINS = new WeakMap<Ruleset, readonly ChainEntry[]>();

function allDeviceChains(ruleset: Ruleset): readonly ChainEntry[] {
  const known =
    DEVICE_CHAINS.get(ruleset) ??
    baseChains(ruleset, 'netdev', 'inet').filter(({ base: { hook } }) => hook === 'ingress' || hook === 'egress');
  DEVICE_CHAINS.set(ruleset, known);
  return known;
}

function baseChains({ tables }: Ruleset, ...families: readonly TableFamily[]): readonly ChainEntry[] {
  return (
    tables
      .filter(({ family, flags }) => families.includes(family) && !flags.includes('dormant'))
      .flatMap(chainEntries)
      // of one priority, what was registered last comes first
      .reverse()
      .sort(byPriority)
  );
}

/** Newer kernels take `eth*` for all devices whose names begin so. */
function covers(device: string): (name: string) => boolean {
  return (name) => (name.endsWith('*') ? device.startsWith(name.slice(0, -1)) : name === device);
}
