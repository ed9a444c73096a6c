import { type Address, formatAddress } from '../../../address/address.ts';
import { FAMILIES } from '../../../address/family.ts';
import type { UnknownFact } from '../../report.ts';
import type { Fleet } from './fleet.ts';
import { FleetTerms } from './fleet-terms.ts';
import { Glossary } from './glossary.ts';
import { type HostSketch, rootNameOf, sketchHost } from './host-sketch.ts';
import { type Probe, ProbeRegister } from './probe.ts';
import { TARGET_KINDS, TargetIndex, type TargetKind } from './target-index.ts';

/** Hosts that are made alike and whose tables say the same of everybody but themselves. */
export interface HostGroup {
  readonly members: readonly HostSketch[];
  /** What sets it apart from groups that are made otherwise; the tables' part of it is told by transcripts. */
  readonly form: number;
  /** What its members' rules ask of others that only some of these are. */
  readonly selective: readonly Probe[];
}

/** All hosts of a fleet, looked at one after another, and what they have alike. */
export class FleetView {
  readonly fleet: Fleet;
  readonly sketches: readonly HostSketch[];
  readonly targets = new TargetIndex();
  /** Who should be judged and can't be. */
  readonly unknown: readonly UnknownFact[];
  readonly glossary = new Glossary();
  readonly groups: readonly HostGroup[];
  readonly #register = new ProbeRegister();
  readonly #numbers = new Map<object, number>();

  constructor(fleet: Fleet) {
    this.fleet = fleet;
    const terms = new FleetTerms(fleet);
    this.sketches = Array.from({ length: fleet.size }, (_, place) =>
      sketchHost(place, fleet.host(place), terms, this.#register, this.glossary),
    );
    const names = new Set(this.sketches.map(({ name }) => name));
    this.unknown = [...this.sketches.flatMap(({ unknown }) => unknown), ...terms.absent(names)];
    for (const { place, roots, pods } of this.sketches) {
      for (const address of roots) this.targets.add('root', address, place);
      for (const pod of pods) for (const address of pod.addresses) this.targets.add('pod', address, place);
    }
    this.groups = this.#group();
  }

  #group(): readonly HostGroup[] {
    const groups = new Map<string, { members: HostSketch[]; form: number; selective: readonly Probe[] }>();
    for (const sketch of this.sketches) {
      const selective = sketch.probes.filter((probe, index) => this.#relation(sketch, probe, index) === SELECTIVE);
      const form = this.#formOf(sketch);
      const key = `${form}\n${this.#tablesOf(sketch)}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { members: [sketch], form, selective });
      else group.members.push(sketch);
    }
    return [...groups.values()];
  }

  /** The form of a host, with what its own namespace asks of others. */
  #formOf(sketch: HostSketch): number {
    const { form, probes, mentions, tables } = sketch;
    const asked = probes.map((probe, index) => {
      const relation = this.#relation(sketch, probe, index);
      return relation === SELECTIVE ? `${SELECTIVE} ${probe.id}` : relation;
    });
    const known = mentions.map((address) =>
      this.targets.holdersOf(address).length === 0 ? '~' : formatAddress(address),
    );
    const sources = tables.sources.map(
      ([text, address]) => `${text} ${rootNameOf(sketch, address) ?? formatAddress(address)}`,
    );
    const isOwn = tables.without.every((prefix) => this.#isOwn(sketch, this.#register.ofPrefix(prefix)));
    const name = sketch.isSingular || !isOwn ? sketch.name : '';
    return this.glossary.number([form, asked.join(), known.join(), sources.join(), name].join('\n'));
  }

  /**
   * Whether each pair that a host is part of is to be asked about by itself: it tells pods apart in a way that forms don't
   * say, or what leads to its own pods, or translates packets, names others, who may be on the way of any packet.
   */
  isSingular({ isSingular, mentions, targets }: HostSketch): boolean {
    return isSingular || targets.length > 0 || mentions.some((address) => this.targets.holdersOf(address).length > 0);
  }

  /** What a probe asks of the addresses of others: whether all of a kind are meant, none, or some. */
  #relation({ probes, ownCounts, roots, pods }: HostSketch, { family }: Probe, index: number): string {
    const probe = probes[index];
    if (probe === undefined) return SELECTIVE;
    const counts = this.targets.countIn(probe);
    const { total } = this.targets;
    const own: Record<TargetKind, number> = {
      root: roots.filter((address) => address.family === family).length,
      pod: pods.reduce((sum, { addresses }) => sum + addresses.filter((one) => one.family === family).length, 0),
    };
    const relations = TARGET_KINDS.map((kind) => {
      const held = counts[kind][family] - (ownCounts[index]?.[kind] ?? 0);
      if (held === 0) return 'none';
      return held === total[kind][family] - own[kind] ? 'all' : SELECTIVE;
    });
    return relations.includes(SELECTIVE) ? SELECTIVE : relations.join(' ');
  }

  #isOwn({ roots, pods }: HostSketch, probe: Probe): boolean {
    const counts = this.targets.countIn(probe);
    const holds = (addresses: readonly Address[]) => addresses.filter((address) => probe.addresses.has(address)).length;
    const own = holds(roots) + pods.reduce((sum, { addresses }) => sum + holds(addresses), 0);
    return (
      own ===
      TARGET_KINDS.reduce((sum, kind) => sum + FAMILIES.reduce((all, family) => all + counts[kind][family], 0), 0)
    );
  }

  /** What a host's tables hold of others, in words. */
  #tablesOf(sketch: HostSketch): string {
    const { shared, routes, others } = sketch.tables;
    const numbers = shared.map((table) => {
      const number = this.#numbers.get(table) ?? this.#numbers.size;
      this.#numbers.set(table, number);
      return number;
    });
    const touching = routes.filter(({ destination }) => !this.#isOwn(sketch, this.#register.ofPrefix(destination)));
    return [numbers.join(), ...touching.map(({ text }) => text).sort(), ...others.toSorted()].join('\n');
  }
}

const SELECTIVE = 'some';
