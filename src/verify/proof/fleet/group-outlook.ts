import type { Address } from '../../../address/address.ts';
import { FAMILIES } from '../../../address/family.ts';
import type { Prefix } from '../../../address/prefix.ts';
import { PrefixIndex } from '../../../address/prefix-index.ts';
import type { HostState, NetworkState, StateTable } from '../../../host/network-state.ts';
import type { Route } from '../../../host/route.ts';
import type { FleetView, HostGroup } from './fleet-view.ts';
import { type HostSketch, rootNameOf } from './host-sketch.ts';
import { PrefixEdges } from './prefix-edges.ts';
import { transcribe } from './transcript.ts';

/** What the members of a group know of another host. */
export interface Outlook {
  /** All that their tables answer for its addresses and its pods', in words that are the same for hosts that are known alike. */
  readonly text: string;
  /** It can't be told by this host alone how it is known: a third one is on the way, or its pods are told apart. */
  readonly isSingular: boolean;
}

/** What a group of hosts knows of all others, as one of its members has it. */
export class GroupOutlook {
  readonly #view: FleetView;
  readonly #group: HostGroup;
  readonly #observer: HostSketch;
  readonly #root: NetworkState;
  readonly #edges: readonly PrefixEdges[];
  readonly #fabric: PrefixIndex<string>;

  /** @param host of the member that looks @param observer that member */
  constructor(view: FleetView, group: HostGroup, observer: HostSketch, host: HostState, fabric: PrefixIndex<string>) {
    this.#view = view;
    this.#group = group;
    this.#observer = observer;
    this.#root = host.root;
    this.#edges = edgesOf(host.root.routes);
    this.#fabric = fabric;
  }

  /** What the group knows of a host other than the member that looks. */
  towards(other: HostSketch): Outlook {
    const naming = new OutlookNaming(this.#view, this.#observer, other);
    naming.isSingular = this.#view.isSingular(this.#observer);
    let text = '';
    for (const address of other.roots) {
      const holders = this.#view.targets.holdersOf(address);
      const isShared = holders.some((place) => place !== other.place && place !== this.#observer.place);
      text += `${isShared ? 'of several' : ''}${transcribe(this.#root, address, naming)}\n`;
    }
    for (const pods of podStretches(other)) {
      const [first] = pods;
      const last = pods.at(-1);
      if (first === undefined || last === undefined) continue;
      if (this.#edges.some((edges) => edges.split(first.family, first.value, last.value))) naming.isSingular = true;
      text += `${transcribe(this.#root, first, naming)}\n${this.#fabricText(first, last, other, naming)}\n`;
    }
    for (const { id, family, addresses } of this.#group.selective) {
      const bits = (some: readonly Address[]) =>
        some.map((one) => (one.family !== family ? '-' : addresses.has(one) ? '1' : '0')).join('');
      const ofPods = new Set(other.pods.map((pod) => bits(pod.addresses)));
      if (ofPods.size > 1) naming.isSingular = true;
      text += `${id} ${bits(other.roots)} ${[...ofPods].join()}\n`;
    }
    return { text, isSingular: naming.isSingular };
  }

  /** Whom a cloud's routes lead the packets for the pods to. */
  #fabricText(first: Address, last: Address, other: HostSketch, naming: OutlookNaming): string {
    const [one] = this.#fabric.holding(first);
    const [another] = this.#fabric.holding(last);
    if (one === undefined && another === undefined) return 'no route';
    if (one === other.name && another === other.name) return 'routed';
    naming.isSingular = true;
    return `to ${one} and ${another}`;
  }
}

/** The addresses of a host's pods by family, in order. */
function podStretches({ pods }: HostSketch): readonly (readonly Address[])[] {
  const addresses = pods.flatMap((pod) => pod.addresses);
  return FAMILIES.map((family) =>
    addresses.filter((address) => address.family === family).sort((left, right) => (left.value < right.value ? -1 : 1)),
  );
}

/** Names of a transcript that one host makes of another. */
export class OutlookNaming {
  isSingular = false;
  /** The places of hosts that are neither of the two. */
  readonly thirds = new Set<number>();
  readonly #view: FleetView;
  readonly #observer: HostSketch;
  readonly #other: HostSketch;

  constructor(view: FleetView, observer: HostSketch, other: HostSketch) {
    this.#view = view;
    this.#observer = observer;
    this.#other = other;
  }

  address(address: Address): string {
    const own = rootNameOf(this.#observer, address);
    if (own !== undefined) return own;
    const holders = this.#view.targets.holdersOf(address);
    if (holders.length === 0) return '~';
    const its = rootNameOf(this.#other, address);
    for (const place of holders)
      if (place !== this.#observer.place && place !== this.#other.place) this.thirds.add(place);
    if (its === undefined || holders.length > 1) this.isSingular = true;
    return its === undefined ? 'third' : `its ${its}`;
  }

  mac(mac: string): string {
    const its = this.#other.macs.get(mac);
    return its === undefined ? (this.#observer.macs.get(mac) ?? 'strange') : `its ${its}`;
  }

  device(name: string): string {
    if (this.#observer.podLinks.has(name)) this.isSingular = true;
    return name;
  }
}

const edgesByTable = new WeakMap<object, PrefixEdges>();

function edgesOf(table: StateTable<Route, Address>): readonly PrefixEdges[] {
  if (table.parts !== undefined) return table.parts.flatMap(edgesOf);
  const base = table.shared?.table ?? table;
  const edges =
    edgesByTable.get(base) ?? new PrefixEdges(Iterator.from(base.rows()).map(({ destination }) => destination));
  edgesByTable.set(base, edges);
  return [edges];
}

/** The fabric's routes, to be looked up. */
export function fabricIndex(
  routes: readonly { readonly prefix: Prefix; readonly host: string }[],
): PrefixIndex<string> {
  const index = new PrefixIndex<string>();
  for (const { prefix, host } of routes) index.add(prefix, host);
  return index;
}
