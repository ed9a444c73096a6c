import type { Attachment } from '../cni/attachment.ts';
import { isOwnAlias } from '../host/owned-network.ts';
import { OWNED } from '../host/owned-state.ts';
import { forwardingText } from '../host/row-text.ts';
import { LINK_GROUPS } from '../kernel/link-reaper.ts';
import { type NetworkEvent, NetworkMonitor } from '../kernel/network-monitor.ts';

/** What a plan has of rows whose changes the kernel doesn't say the author of. */
export interface PlannedRows {
  readonly links: ReadonlySet<string>;
  readonly forwarding: ReadonlySet<string>;
}

export interface ChangeWatchOptions {
  /** Netlink ports whose changes are our own doing. */
  readonly ports: ReadonlySet<number>;
  readonly attachments: () => readonly Pick<Attachment, 'hostLink'>[];
  /** What is planned of links, by name, and of forwarding entries, as `forwardingText` writes them. */
  readonly planned: () => PlannedRows;
  readonly onChange: (what: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Tells when somebody else, or the kernel itself, has changed what a plan depends on or what is ours. */
export function watchChanges(options: ChangeWatchOptions): NetworkMonitor {
  const filter = new ChangeFilter(options);
  return NetworkMonitor.open({
    kinds: ['link', 'address', 'route', 'rule', 'neighbour', 'forwarding'],
    ignoredPorts: options.ports,
    onEvent: (event) => {
      if (filter.matters(event)) options.onChange(event.kind);
    },
    resynchronise: () => options.onChange('overrun'),
    onError: options.onError,
  });
}

type FilterOptions = Pick<ChangeWatchOptions, 'ports' | 'attachments' | 'planned'>;

/** Tells changes that call for a reconciliation from the echo of what we do ourselves. */
export class ChangeFilter {
  readonly #options: FilterOptions;
  /** Links that bear the alias of pods' links, those on their way out included. */
  readonly #podLinks = new Set<string>();

  constructor(options: FilterOptions) {
    this.#options = options;
  }

  matters(event: NetworkEvent): boolean {
    if (event.kind === 'link') this.#learn(event);
    if (this.#options.ports.has(event.port) || isPassing(event)) return false;
    if (event.kind === 'forwarding') return event.removed === this.#isPlanned(event);
    const devices = devicesOf(event);
    const podLink = devices.find((device) => this.#podLinks.has(device));
    if (event.kind === 'link' && event.removed) this.#podLinks.delete(event.link.name);
    if (podLink === undefined) return event.port !== 0 || isLoss(event) || !this.#arePlanned(devices);
    // Of a pod's link only what somebody did to it counts, and only as long as the pod is there.
    const attached = this.#options.attachments().some(({ hostLink }) => hostLink === podLink);
    return attached && (event.port !== 0 || (event.kind === 'link' && event.removed));
  }

  #learn({ link }: LinkEvent): void {
    // One that is being made bears its alias last.
    const isOwn = isOwnAlias(link.alias) || link.group === LINK_GROUPS.unfinished;
    if (isOwn && link.kind.kind === 'veth') this.#podLinks.add(link.name);
  }

  /** Our tunnels and the bridge. */
  #arePlanned(devices: readonly string[]): boolean {
    return devices.some((device) => this.#options.planned().links.has(device));
  }

  /** The kernel doesn't say whose doing it is that an entry comes or goes: it is ours where that was the plan. */
  #isPlanned({ entry }: Extract<NetworkEvent, { kind: 'forwarding' }>): boolean {
    return this.#options.planned().forwarding.has(forwardingText(entry));
  }
}

type LinkEvent = Extract<NetworkEvent, { kind: 'link' }>;

/** Of what the kernel does to our own links, only what takes something away can be somebody else's doing. */
function isLoss(event: NetworkEvent): boolean {
  if (event.removed) return true;
  return event.kind === 'link' && !event.link.up && event.link.group !== LINK_GROUPS.unfinished;
}

/** Neighbours and forwarding entries come and go with the traffic; ours bear our protocol or a tunnel's remote address. */
function isPassing(event: NetworkEvent): boolean {
  if (event.kind === 'neighbour') return event.neighbour.protocol !== OWNED.protocol;
  return event.kind === 'forwarding' && event.entry.destination === undefined;
}

function devicesOf(event: NetworkEvent): readonly string[] {
  switch (event.kind) {
    case 'link':
      return [event.link.name];
    case 'address':
      return [event.address.device];
    case 'neighbour':
      return [event.neighbour.device];
    case 'forwarding':
      return [event.entry.device];
    case 'route':
      return event.route.nextHops.flatMap(({ device }) => device ?? []);
    case 'rule':
      return [];
    default: {
      const never: never = event;
      throw new TypeError(`no such event: ${JSON.stringify(never)}`);
    }
  }
}
