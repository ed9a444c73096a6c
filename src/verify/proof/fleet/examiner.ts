import type { Address } from '../../../address/address.ts';
import type { PrefixIndex } from '../../../address/prefix-index.ts';
import type { Explanation } from '../../cause/explanation.ts';
import type { Evidence } from '../../evidence.ts';
import type { SiteMap } from '../../model/site.ts';
import { RULE_NAMES } from '../../report.ts';
import { askPeers } from '../ask-peers.ts';
import type { Peers } from '../peers.ts';
import { type PairTally, ProofTally } from '../proof-tally.ts';
import { areJudged, type ProofScene, proofScene } from '../prove-rules.ts';
import { tallyFindings } from '../tally-findings.ts';
import type { FleetView } from './fleet-view.ts';
import { OutlookNaming } from './group-outlook.ts';
import type { HostSketch } from './host-sketch.ts';
import { transcribe } from './transcript.ts';

/** A node, or one of a host's pods by its position. */
export type Speaker = { readonly host: HostSketch; readonly position: number };

/** More hosts than that on the way of one packet are a loop. */
const MOST_HOSTS = 32;

/** Walks the packets of some pairs among the few hosts that have to do with them. */
export class Examiner {
  readonly tally: ProofTally;
  readonly #view: FleetView;
  readonly #fabric: PrefixIndex<string>;
  #map: SiteMap | undefined;
  #last: { readonly key: string; readonly scene: ProofScene } | undefined;

  constructor(
    view: FleetView,
    fabric: PrefixIndex<string>,
    explain: (evidence: Evidence, map: SiteMap) => Explanation,
  ) {
    this.#view = view;
    this.#fabric = fabric;
    this.tally = new ProofTally((evidence) => {
      if (this.#map === undefined) throw new RangeError('no packet was walked yet');
      return explain(evidence, this.#map);
    });
    for (const fact of view.unknown) for (const rule of RULE_NAMES) this.tally.addUnknown(rule, fact);
  }

  /** Asks about all packets from one to another that stand for a number of pairs like them. */
  examine(from: Speaker, to: Speaker, pairs: number): void {
    const scene = this.#sceneOf(from.host === to.host ? [from.host] : [from.host, to.host]);
    const [sender, receiver] = [from, to].map((speaker) => peersOf(scene, speaker));
    if (sender === undefined || receiver === undefined) return;
    tallyFindings(timesTally(this.tally, pairs), sender, receiver, askPeers(scene.setting, sender, receiver));
  }

  /** Asks about all packets from anybody on one host to anybody on another, with those hosts that are on their way. */
  examineHosts(from: HostSketch, to: HostSketch): void {
    const scene = this.#sceneOf(this.#around(from, to));
    const on = (host: HostSketch) => scene.groups.filter(({ members: [one] }) => one?.site.host === host.name);
    for (const sender of on(from))
      for (const receiver of on(to))
        if (areJudged(sender, receiver))
          tallyFindings(this.tally, sender, receiver, askPeers(scene.setting, sender, receiver));
  }

  #sceneOf(sketches: readonly HostSketch[]): ProofScene {
    const key = sketches.map(({ place }) => place).join();
    if (this.#last?.key !== key) {
      const { fleet } = this.#view;
      const names = new Set(sketches.map(({ name }) => name));
      const fabric = (fleet.fabric ?? []).filter(({ host }) => names.has(host));
      const hosts = sketches.map(({ place }) => fleet.host(place));
      const { size: _, host: __, ...rest } = fleet;
      this.#last = { key, scene: proofScene(hosts, { ...rest, fabric }) };
    }
    this.#map = this.#last.scene.map;
    return this.#last.scene;
  }

  /** Two hosts, and all those that their tables name for each other's addresses, and these hosts' tables, and so on. */
  #around(from: HostSketch, to: HostSketch): readonly HostSketch[] {
    const found = new Set([from, to]);
    let size = 0;
    while (size < found.size && found.size <= MOST_HOSTS) {
      size = found.size;
      const translated = [...found].flatMap(({ targets }) => targets);
      for (const host of [...found])
        for (const end of [from, to])
          for (const place of this.#thirds(host, end, translated)) {
            const third = this.#view.sketches[place];
            if (third !== undefined) found.add(third);
          }
    }
    return [...found];
  }

  #thirds(host: HostSketch, end: HostSketch, translated: readonly Address[]): readonly number[] {
    const naming = new OutlookNaming(this.#view, host, end);
    const { root } = this.#view.fleet.host(host.place);
    const addresses: readonly Address[] = [...end.roots, ...end.pods.flatMap((pod) => pod.addresses), ...translated];
    for (const address of addresses) {
      transcribe(root, address, naming);
      for (const place of this.#view.targets.holdersOf(address)) if (place !== end.place) naming.thirds.add(place);
      for (const name of this.#fabric.holding(address)) {
        const place = this.#view.sketches.findIndex((sketch) => sketch.name === name);
        if (place >= 0) naming.thirds.add(place);
      }
    }
    for (const address of host.mentions)
      for (const place of this.#view.targets.holdersOf(address)) naming.thirds.add(place);
    naming.thirds.delete(host.place);
    return [...naming.thirds];
  }
}

/** Somebody alone, of all who are there. */
function peersOf({ map, groups }: ProofScene, { host, position }: Speaker): Peers | undefined {
  const site = map.sites.filter((one) => one.host === host.name)[position];
  for (const { kind, members } of groups) {
    const member = members.find((one) => one.site === site);
    if (member !== undefined) return { kind, members: [member] };
  }
  return undefined;
}

/** Counts each pair as many. */
function timesTally(tally: ProofTally, factor: number): PairTally {
  return {
    addChecked: (rule, pairs) => tally.addChecked(rule, pairs * factor),
    causeOf: (evidence) => tally.causeOf(evidence),
    addBroken: (rule, cause, pairs) => tally.addBroken(rule, cause, pairs * factor),
    addUnknown: (rule, fact) => tally.addUnknown(rule, fact),
  };
}
