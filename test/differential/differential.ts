import fc from 'fast-check';
import type { HostState, NetworkState } from '../../src/host/network-state.ts';
import { bindOptional } from '../../src/kernel/libc.ts';
import { pointerTo } from '../../src/probe/socket/socket-calls.ts';
import { SiteMap } from '../../src/verify/model/site.ts';
import { Walk } from '../../src/verify/model/walk.ts';
import { anyWorld } from './arbitrary-world.ts';
import { ConversationRunner, type Disagreement, type Tally } from './conversation-runner.ts';
import { Laboratory } from './laboratory.ts';
import { lastingTables } from './lasting-table.ts';
import { Outpost } from './outpost.ts';
import { SITES, type SiteName } from './site-plan.ts';
import { smallerWorlds } from './smaller-world.ts';
import type { World } from './world.ts';
import { WorldLoader } from './world-loader.ts';
import { formatDisagreement, formatWorld } from './world-text.ts';

/** Milliseconds that a case on which they disagree is made smaller for. */
const SHRINKING = 5_000;

/**
 * How often a case on which they disagree is tried again, and how often they must disagree anew: ports that the kernel draws
 * come out once in some hundreds of times as one that a rule speaks of.
 */
const TRIALS = { all: 20, needed: 5 } as const;

/** Milliseconds: a tick of the slowest kernel clock, after which a path MTU that lasts for no time at all is gone. */
const EXPIRY = 12;

/** The hosts whose iptables is the legacy one; the others' is that of nf_tables. */
const LEGACY: ReadonlySet<SiteName> = new Set(['q', 'b']);

export interface DifferentialOptions {
  readonly cases: number;
  /** Of the first case; each that follows has the next one. */
  readonly seed: number;
  /** How many disagreements more than one to look for; none unless given. */
  readonly keepGoing?: number;
  /** Told of each disagreement as soon as it is found. */
  readonly onDisagreement?: (text: string) => void;
}

export interface DifferentialResult extends Tally {
  readonly cases: number;
  readonly seed: number;
  readonly milliseconds: number;
  /** Of the process. */
  readonly cpuSeconds: number;
  readonly refusedParts: ReadonlyMap<string, number>;
  /** The smallest cases found on which kernel and model disagree, in words. */
  readonly disagreements: readonly string[];
}

/** Keeps this thread on the CPU that it is on: what it sends is then worked off before it goes on. */
function stayOnCpu(): void {
  const current = bindOptional('int sched_getcpu()')?.() ?? 0;
  const mask = new Uint8Array(128);
  mask[current >> 3] = 1 << (current & 7);
  bindOptional('int sched_setaffinity(int pid, size_t size, uintptr_t mask)')?.(0, mask.length, pointerTo(mask));
}

/** Runs random cases against the kernel, in namespaces of their own; makes the first on which it and the model disagree smaller. */
export function runDifferential({
  cases,
  seed,
  keepGoing = 0,
  onDisagreement,
}: DifferentialOptions): DifferentialResult {
  stayOnCpu();
  using bench = new Bench();
  const started = performance.now();
  const cpu = process.cpuUsage();
  const disagreements: string[] = [];
  let done = 0;
  while (done < cases && disagreements.length <= keepGoing) {
    const own = seed + done;
    done++;
    const [world] = fc.sample(anyWorld, { numRuns: 1, seed: own });
    if (world === undefined || bench.run(world) === undefined) continue;
    const found = smallest(bench, world);
    if (found === undefined) continue;
    const text = `--seed ${own} --cases 1\n${found}`;
    disagreements.push(text);
    onDisagreement?.(text);
  }
  const used = process.cpuUsage(cpu);
  return {
    ...bench.tally,
    cases: done,
    seed,
    milliseconds: performance.now() - started,
    cpuSeconds: (used.user + used.system) / 1e6,
    refusedParts: bench.refused(),
    disagreements,
  };
}

/** The smallest case found that still disagrees, in words; undefined where it was by chance that this one did. */
function smallest(bench: Bench, first: World): string | undefined {
  const again = Array.from({ length: TRIALS.all }, () => bench.run(first)).filter((each) => each !== undefined);
  let [disagreement] = again;
  if (disagreement === undefined || again.length < TRIALS.needed) return undefined;
  const deadline = performance.now() + SHRINKING;
  let world = first;
  for (let found = true; found; ) {
    found = false;
    for (const candidate of smallerWorlds(world)) {
      if (performance.now() > deadline) break;
      const next = bench.run(candidate);
      if (next === undefined) continue;
      world = candidate;
      disagreement = next;
      found = true;
      break;
    }
  }
  return `${formatWorld(world)}\n${formatDisagreement(disagreement)}`;
}

/** The laboratory with what works on it. */
class Bench implements Disposable {
  readonly tally: Tally = {
    packets: 0,
    unknown: 0,
    outdated: 0,
    delivered: 0,
    refused: 0,
    silent: 0,
    reasons: new Map(),
  };
  readonly #laboratory = new Laboratory();
  readonly #outpost = new Outpost(this.#laboratory);
  readonly #loaders = new Map(
    SITES.map((site) => [
      site,
      new WorldLoader(this.#laboratory.namespace(site), LEGACY.has(site) ? 'legacy' : 'nf_tables', lastingTables(site)),
    ]),
  );
  #tag = 1;

  constructor() {
    this.#outpost.listen(50);
  }

  run(world: World): Disagreement | undefined {
    const loaded = SITES.filter((site) => world.sites[site] !== undefined);
    try {
      const states = new Map<SiteName, NetworkState>();
      for (const [site, loader] of this.#loaders) {
        const settings = world.sites[site];
        states.set(site, settings === undefined ? loader.first : loader.load(settings));
      }
      const walk = new Walk(new SiteMap([hostOf(states)]));
      for (const conversation of world.conversations) {
        const runner = new ConversationRunner(this.#outpost, walk, this.tally, this.#tag);
        const disagreement = runner.run(conversation);
        this.#tag = runner.nextTag;
        if (disagreement !== undefined) return disagreement;
        if (runner.hasLearntPath) {
          this.#outpost.listen(EXPIRY);
          this.#laboratory.forgetPaths();
        }
        for (const loader of this.#loaders.values()) loader.forget();
      }
      return undefined;
    } finally {
      for (const [site, loader] of this.#loaders)
        if (loaded.includes(site)) loader.unload();
        else loader.forget();
      this.#laboratory.forgetPaths();
    }
  }

  refused(): ReadonlyMap<string, number> {
    const all = new Map<string, number>();
    for (const { refused } of this.#loaders.values())
      for (const [message, count] of refused) all.set(message, (all.get(message) ?? 0) + count);
    return all;
  }

  [Symbol.dispose](): void {
    for (const loader of this.#loaders.values()) loader[Symbol.dispose]();
    this.#outpost[Symbol.dispose]();
    this.#laboratory[Symbol.dispose]();
  }
}

/** All namespaces as those of one host, whose own is r. */
function hostOf(states: ReadonlyMap<SiteName, NetworkState>): HostState {
  const root = states.get('r');
  if (root === undefined) throw new RangeError('r has no state');
  return {
    name: 'r',
    root,
    namespaces: [...states].flatMap(([id, state]) => (id === 'r' ? [] : [{ id, state }])),
  };
}
