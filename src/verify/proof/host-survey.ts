import { formatAddress } from '../../address/address.ts';
import { FAMILY_BITS } from '../../address/family.ts';
import type { Prefix } from '../../address/prefix.ts';
import { deviceOfSysctl } from '../../host/sysctl-key.ts';
import type { Chain, Literal, SetElement, Table } from '../../netfilter/node.ts';
import { decisiveNeighbours } from '../model/receiver.ts';
import type { Site, SiteMap } from '../model/site.ts';
import { DeviceDispatch } from './device-dispatch.ts';
import type { PodDossier } from './pod-dossier.ts';
import { isLinkLocal } from './wired-pod.ts';

/** Settings that change by themselves, and that no packet's way hangs on. */
const FLEETING = /conntrack_count|stable_secret|\.neigh\.|_time|random/;

export function isFleeting(key: string): boolean {
  return FLEETING.test(key);
}

/** Notes down what a host's own namespace says of each of its pods. */
export class HostSurvey {
  readonly #host: Site;
  readonly #dossiers: readonly PodDossier[];
  readonly #byWord = new Map<string, PodDossier>();
  readonly #byAddress = { 4: new Map<bigint, PodDossier>(), 6: new Map<bigint, PodDossier>() };
  /** The names of devices that rules ask for, `eth*` among them. */
  readonly #deviceNames = new Set<string>();
  #asksForNumbers = false;

  constructor(host: Site, dossiers: readonly PodDossier[]) {
    this.#host = host;
    this.#dossiers = dossiers;
    for (const dossier of dossiers) {
      const { hostLink, link, participant } = dossier.pod;
      const words = [
        hostLink.name,
        ...(link.mac === undefined ? [] : [link.mac]),
        ...participant.addresses.map(formatAddress),
      ];
      for (const { family, value } of participant.addresses) this.#byAddress[family].set(value, dossier);
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
      const device = isFleeting(key) ? undefined : deviceOfSysctl(key);
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
    const devices = this.#dossiers.map(({ pod }) => pod.hostLink.name);
    const dispatch = new DeviceDispatch(table, devices, (value) => this.#isPersonal(value));
    for (const set of [...table.sets, ...table.maps])
      for (const element of set.elements) {
        const owner = this.#ownerOf(element);
        if (owner !== undefined) owner.addRow(`${name} ${set.name}`, element, dispatch.followed(element));
        else for (const literal of element.key) if (literal.kind === 'name') this.#deviceNames.add(literal.name);
      }
    for (const each of table.chains) {
      const { base, rules, name: chain } = each;
      const [device, ...others] = base?.devices ?? [];
      const dossier = device === undefined || others.length > 0 ? undefined : this.#byWord.get(device);
      if (dossier === undefined) {
        for (const one of base?.devices ?? [])
          if (one.endsWith('*')) this.#deviceNames.add(one);
          else this.#byWord.get(one)?.addFact(name, { chain });
        this.#noteDispatch(name, each, dispatch);
        if (table.family === 'netdev' || table.family === 'bridge' || table.family === 'inet') this.#noteMacs(rules);
        continue;
      }
      dossier.addFact(name, chain === device ? { base, rules } : { chain, base, rules });
      forEachPart(rules, (part) => dossier.addParts([part]));
    }
  }

  /** What a chain does with the packets of each pod; of chains that don't lead them apart by names, which names they know. */
  #noteDispatch(table: string, chain: Chain, dispatch: DeviceDispatch): void {
    const end = dispatch.endAsked(chain);
    if (end !== undefined && !dispatch.isBranch(chain, end))
      for (const dossier of this.#dossiers)
        dossier.addFact(`${table} ${chain.name}`, dispatch.leftFor(dossier.pod.hostLink.name, end, chain));
    forEachPart(chain.rules, (part) => {
      if (!('kind' in part)) return;
      if (part.kind === 'name' && 'name' in part && end === undefined) this.#deviceNames.add(String(part.name));
      if (part.kind === 'meta' && 'key' in part && (part.key === 'iif' || part.key === 'oif'))
        this.#asksForNumbers = true;
    });
  }

  /** Whether a value speaks of one of the pods, by its address, or its device's name or MAC. */
  #isPersonal(value: unknown): boolean {
    if (typeof value === 'string') return value.split(' ').some((word) => this.#byWord.has(word));
    if (typeof value !== 'object' || value === null) return false;
    if ('family' in value && 'value' in value && typeof value.value === 'bigint')
      return this.#byAddress[value.family === 4 ? 4 : 6].has(value.value);
    return Object.values(value).some((part) => this.#isPersonal(part));
  }

  /** Rules at devices tell pods apart by their MACs. */
  #noteMacs(value: unknown): void {
    forEachPart(value, (part) => {
      if ('kind' in part && part.kind === 'mac' && 'mac' in part) this.#byWord.get(String(part.mac))?.setApart();
    });
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

  /** The one pod that an element of a set speaks of; undefined where that is none, or several. */
  #ownerOf({ key }: SetElement): PodDossier | undefined {
    let owner: PodDossier | undefined;
    for (const literal of key) {
      const dossier = this.#namedBy(literal);
      if (dossier === undefined) continue;
      if (owner !== undefined && owner !== dossier) return undefined;
      owner = dossier;
    }
    return owner;
  }

  #namedBy(literal: Literal): PodDossier | undefined {
    switch (literal.kind) {
      case 'name':
        return this.#byWord.get(literal.name);
      case 'mac':
        return this.#byWord.get(literal.mac);
      case 'address':
        return this.#byAddress[literal.address.family].get(literal.address.value);
      case 'prefix':
        return isHost(literal.prefix) ? this.#namedBy({ kind: 'address', address: literal.prefix.address }) : undefined;
      default:
        return undefined;
    }
  }

  #mentioned(words: readonly string[]): readonly PodDossier[] {
    return [...new Set(words.flatMap((word) => this.#byWord.get(word) ?? []))];
  }
}

function isHost({ address, length }: Prefix): boolean {
  return length === FAMILY_BITS[address.family];
}

/** Visits all objects that a plain value is made of. */
function forEachPart(value: unknown, visit: (part: object) => void): void {
  if (typeof value !== 'object' || value === null) return;
  visit(value);
  for (const part of Object.values(value)) if (typeof part === 'object') forEachPart(part, visit);
}
