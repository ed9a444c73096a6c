import type { Attachment } from '../cni/attachment.ts';
import { isOwnAlias } from '../host/owned-network.ts';
import { OWNED } from '../host/owned-state.ts';
import { type NetworkEvent, NetworkMonitor } from '../kernel/network-monitor.ts';

export interface ChangeWatchOptions {
  /** Netlink ports whose changes are our own doing. */
  readonly ports: ReadonlySet<number>;
  readonly attachments: () => readonly Pick<Attachment, 'hostLink'>[];
  readonly onChange: (what: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Tells when somebody else, or the kernel itself, has changed what a plan depends on or what is ours. */
export function watchChanges(options: ChangeWatchOptions): NetworkMonitor {
  const filter = new ChangeFilter(options);
  return NetworkMonitor.open({
    kinds: ['link', 'address', 'route', 'rule', 'neighbour', 'forwarding'],
    onEvent: (event) => {
      if (filter.matters(event)) options.onChange(event.kind);
    },
    resynchronise: () => options.onChange('overrun'),
    onError: options.onError,
  });
}

/** Tells changes that call for a reconciliation from the echo of pods that come and go by our own hand. */
export class ChangeFilter {
  readonly #options: Pick<ChangeWatchOptions, 'ports' | 'attachments'>;
  /** Links that bear the alias of pods' links, those on their way out included. */
  readonly #podLinks = new Set<string>();

  constructor(options: Pick<ChangeWatchOptions, 'ports' | 'attachments'>) {
    this.#options = options;
  }

  matters(event: NetworkEvent): boolean {
    if (event.kind === 'link') this.#learn(event);
    if (this.#options.ports.has(event.port) || isPassing(event)) return false;
    const podLink = devicesOf(event).find((device) => this.#podLinks.has(device));
    if (event.kind === 'link' && event.removed) this.#podLinks.delete(event.link.name);
    if (podLink === undefined) return true;
    // Of a pod's link only what somebody did to it counts, and only as long as the pod is there.
    const attached = this.#options.attachments().some(({ hostLink }) => hostLink === podLink);
    return attached && (event.port !== 0 || (event.kind === 'link' && event.removed));
  }

  #learn({ link }: Extract<NetworkEvent, { kind: 'link' }>): void {
    if (isOwnAlias(link.alias) && link.kind.kind === 'veth') this.#podLinks.add(link.name);
  }
}

/**
 * Neighbours and forwarding entries come and go with the traffic; ours bear our protocol or a tunnel's remote address. The
 * latter tell of our own changes as well, since the kernel doesn't say whose they are: a reconciliation finds nothing to do.
 */
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
