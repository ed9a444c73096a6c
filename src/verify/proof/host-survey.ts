import { formatAddress } from '../../address/address.ts';
import { FAMILY_BITS } from '../../address/family.ts';
import type { Prefix } from '../../address/prefix.ts';
import { deviceOfSysctl } from '../../host/sysctl-key.ts';
import type { Literal, Table } from '../../netfilter/node.ts';
import { decisiveNeighbours } from '../model/receiver.ts';
import type { Site, SiteMap } from '../model/site.ts';
import type { PodDossier } from './pod-dossier.ts';
import { isLinkLocal } from './wired-pod.ts';

/** Notes down what a host's own namespace says of each of its pods. */
export class HostSurvey {
  readonly #host: Site;
  readonly #byWord = new Map<string, PodDossier>();
  /** The names of devices that rules ask for, `eth*` among them. */
  readonly #deviceNames = new Set<string>();
  #asksForNumbers = false;

  constructor(host: Site, dossiers: readonly PodDossier[]) {
    this.#host = host;
    for (const dossier of dossiers) {
      const { hostLink, link, participant } = dossier.pod;
      const words = [
        hostLink.name,
        ...(link.mac === undefined ? [] : [link.mac]),
        ...participant.addresses.map(formatAddress),
      ];
      for (const word of words) {
        const other = this.#byWord.get(word);
        if (other !== undefined && other !== dossier) for (const one of [other, dossier]) one.setApart();
        this.#byWord.set(word, dossier);
      }
    }
  }

  /** Looks through all tables of the namespace. */
  survey(map: SiteMap): void {
    const { state, links } = this.#host;
    this.#surveyRoutes();
    for (const link of links.values())
      for (const entry of decisiveNeighbours(map, this.#host, link)) {
        const about = this.#mentioned([entry.device, formatAddress(entry.address)]);
        for (const dossier of about) dossier.addFact('neighbour', entry);
        const [only] = about;
        if (about.length === 1 && only?.pod.renaming.has(formatAddress(entry.address))) only.addParts([entry]);
      }
    for (const row of state.addresses) {
      const [dossier] = this.#mentioned([row.device]);
      if (isLinkLocal(row.address)) dossier?.addRow('address', row);
      else dossier?.addFact('address', row);
    }
    for (const row of state.queueDisciplines) this.#byWord.get(row.device)?.addFact('queue discipline', row);
    for (const row of state.unknown)
      for (const dossier of this.#mentioned(row.what.split(' '))) dossier.addFact('unknown', row);
    for (const [key, value] of state.sysctls) {
      const device = deviceOfSysctl(key);
      if (device !== undefined)
        this.#byWord.get(device)?.addFact('sysctl', [key.slice(key.lastIndexOf('.')), key.slice(0, 9), value]);
    }
    for (const { inputDevice, outputDevice } of state.rules)
      for (const device of [inputDevice, outputDevice]) if (device !== undefined) this.#deviceNames.add(device);
    for (const table of state.ruleset.tables) this.#surveyTable(table);
    for (const dossier of new Set(this.#byWord.values())) this.#noteDevice(dossier);
  }

  #surveyRoutes(): void {
    for (const route of this.#host.state.routes.rows()) {
      const { destination, nextHops, type } = route;
      const about = this.#mentioned([
        ...nextHops.flatMap(({ device }) => device ?? []),
        ...(isHost(destination) ? [formatAddress(destination.address)] : []),
      ]);
      const [only] = about;
      if (only === undefined) continue;
      const isOwn = only.pod.renaming.has(formatAddress(destination.address)) && isHost(destination);
      if (about.length === 1 && (isOwn || isLinkLocal(destination.address))) only.addRow('route', route);
      // what else leads to a pod makes it another sort of thing
      else if (about.length > 1 || type === 'unicast') for (const dossier of about) dossier.setApart();
      else only.addFact('route', route);
    }
  }

  #surveyTable(table: Table): void {
    const name = `${table.family} ${table.name}`;
    for (const set of [...table.sets, ...table.maps])
      for (const element of set.elements) {
        const [only, ...others] = this.#mentioned(element.key.flatMap(wordsOf));
        if (only !== undefined && others.length === 0) only.addRow(`${name} ${set.name}`, element);
        else this.#noteNames(element);
      }
    for (const { base, rules, name: chain } of table.chains) {
      const [device, ...others] = base?.devices ?? [];
      const dossier = device === undefined || others.length > 0 ? undefined : this.#byWord.get(device);
      if (dossier === undefined) {
        this.#noteNames(rules);
        continue;
      }
      dossier.addFact(name, chain === device ? { base, rules } : { chain, base, rules });
      dossier.addParts([...partsOf(rules)]);
    }
  }

  #noteNames(value: unknown): void {
    for (const part of partsOf(value)) {
      if (!('kind' in part)) continue;
      if (part.kind === 'name' && 'name' in part) this.#deviceNames.add(String(part.name));
      if (part.kind === 'meta' && 'key' in part && (part.key === 'iif' || part.key === 'oif'))
        this.#asksForNumbers = true;
    }
  }

  /** What rules can tell the host's end of the pair from others by. */
  #noteDevice(dossier: PodDossier): void {
    const { name, index, kind, alias, ...rest } = dossier.pod.hostLink;
    const asked = [...this.#deviceNames].filter((asks) =>
      asks.endsWith('*') ? name.startsWith(asks.slice(0, -1)) : asks === name,
    );
    dossier.addFact('device', { ...rest, asked: asked.map((asks) => `"${asks}"`), kind: kind.kind });
    if (this.#asksForNumbers) dossier.addFact('number', index);
  }

  #mentioned(words: readonly string[]): readonly PodDossier[] {
    return [...new Set(words.flatMap((word) => this.#byWord.get(word) ?? []))];
  }
}

function isHost({ address, length }: Prefix): boolean {
  return length === FAMILY_BITS[address.family];
}

/** A device, a MAC or an address that a literal names. */
function wordsOf(literal: Literal): readonly string[] {
  switch (literal.kind) {
    case 'name':
      return [literal.name];
    case 'mac':
      return [literal.mac];
    case 'address':
      return [formatAddress(literal.address)];
    case 'prefix':
      return isHost(literal.prefix) ? [formatAddress(literal.prefix.address)] : [];
    default:
      return [];
  }
}

/** All objects that a plain value is made of. */
function* partsOf(value: unknown): Generator<object> {
  if (typeof value !== 'object' || value === null) return;
  yield value;
  for (const part of Object.values(value)) yield* partsOf(part);
}
