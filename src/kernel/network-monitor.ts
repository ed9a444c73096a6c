import type { Link } from '../host/link.ts';
import type { ForwardingEntry, LinkAddress, Neighbour } from '../host/network-state.ts';
import type { Route, RoutingRule } from '../host/route.ts';
import type { NetlinkMessage } from './netlink/message.ts';
import { NetlinkListener } from './netlink/netlink-listener.ts';
import { NetlinkSocket } from './netlink/netlink-socket.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { decodeAddress } from './rtnetlink/address.ts';
import { decodeForwardingEntry } from './rtnetlink/forwarding.ts';
import { decodeLink, resolveLink } from './rtnetlink/link.ts';
import type { LinkNames } from './rtnetlink/link-names.ts';
import { readLinks, unknownLinkName } from './rtnetlink/link-table.ts';
import {
  AF_BRIDGE,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from './rtnetlink/message-type.ts';
import { decodeNeighbour } from './rtnetlink/neighbour.ts';
import { decodeRoute } from './rtnetlink/route.ts';
import { decodeRule } from './rtnetlink/rule.ts';

/**
 * Something in a namespace has changed. `port` is that of the netlink socket which asked for it, 0 for the kernel's own
 * doing and, whoever asked, for forwarding entries of vxlan devices (`vxlan_fdb_notify`).
 */
export type NetworkEvent = { readonly removed: boolean; readonly port: number } & (
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'address'; readonly address: LinkAddress }
  | { readonly kind: 'route'; readonly route: Route }
  | { readonly kind: 'rule'; readonly rule: RoutingRule }
  | { readonly kind: 'neighbour'; readonly neighbour: Neighbour }
  | { readonly kind: 'forwarding'; readonly entry: ForwardingEntry }
);

export type NetworkEventKind = NetworkEvent['kind'];

/** `linux/rtnetlink.h`: RTNLGRP_* */
const GROUPS: Readonly<Record<NetworkEventKind, readonly number[]>> = {
  link: [1],
  neighbour: [3],
  /** In one group with the neighbours, told apart by the family of the message. */
  forwarding: [3],
  address: [5, 9],
  route: [7, 11],
  rule: [8, 19],
};

export interface NetworkMonitorOptions {
  readonly namespace?: NetworkNamespace;
  /** Which kinds; all but neighbours and forwarding entries unless given, for those change with the traffic. Links are always followed. */
  readonly kinds?: readonly NetworkEventKind[];
  /** Netlink ports whose doing is not told, that to links excepted: whose they are and what they are called is followed. */
  readonly ignoredPorts?: ReadonlySet<number>;
  /** Bytes. */
  readonly receiveBuffer?: number;
  readonly onEvent: (event: NetworkEvent) => void;
  /** Events were lost: read the state anew. */
  readonly resynchronise: () => void;
  readonly onError?: (error: unknown) => void;
}

const DEFAULT_KINDS: readonly NetworkEventKind[] = ['link', 'address', 'route', 'rule'];

/** Tells of changes to one namespace's links, addresses, routes, rules and neighbours, whoever makes them. */
export class NetworkMonitor implements Disposable {
  readonly #options: NetworkMonitorOptions;
  readonly #listener: NetlinkListener;
  readonly #names = new Map<number, string>();
  readonly #kinds: ReadonlySet<NetworkEventKind>;

  private constructor(options: NetworkMonitorOptions) {
    this.#options = options;
    this.#kinds = new Set<NetworkEventKind>(['link', ...(options.kinds ?? DEFAULT_KINDS)]);
    this.#listener = NetlinkListener.open('route', {
      groups: [...new Set([...this.#kinds].flatMap((kind) => GROUPS[kind]))],
      ...(options.namespace !== undefined && { namespace: options.namespace }),
      ...(options.ignoredPorts !== undefined && {
        ignored: { ports: options.ignoredPorts, exceptTypes: [RTM_NEWLINK, RTM_DELLINK] },
      }),
      ...(options.receiveBuffer !== undefined && { receiveBuffer: options.receiveBuffer }),
      ...(options.onError !== undefined && { onError: options.onError }),
      onMessage: (message) => this.#dispatch(message),
      onOverrun: () => {
        this.#learnNames();
        options.resynchronise();
      },
    });
    this.#learnNames();
  }

  /** Begins to listen: what changes from now on is told of. */
  static open(options: NetworkMonitorOptions): NetworkMonitor {
    return new NetworkMonitor(options);
  }

  /** Lets the process end while this listens. */
  unref(): void {
    this.#listener.unref();
  }

  close(): void {
    this.#listener.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #learnNames(): void {
    const { namespace } = this.#options;
    using socket = NetlinkSocket.open('route', namespace === undefined ? {} : { namespace });
    this.#names.clear();
    for (const { index, name } of readLinks(socket).links) this.#names.set(index, name);
  }

  #dispatch(message: NetlinkMessage): void {
    const event = this.#decode(message);
    if (event === undefined || !this.#kinds.has(event.kind)) return;
    if (event.kind === 'link') {
      if (event.removed) this.#names.delete(event.link.index);
      else this.#names.set(event.link.index, event.link.name);
    }
    this.#options.onEvent(event);
  }

  #decode(message: NetlinkMessage): NetworkEvent | undefined {
    const names: Pick<LinkNames, 'nameOf'> = { nameOf: (index) => this.#names.get(index) ?? unknownLinkName(index) };
    const origin = { removed: REMOVALS.has(message.type), port: message.port };
    switch (message.type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
        // A bridge tells of its ports in messages of its own family; one leaving it is no link that went.
        if (message.buffer.readUInt8(message.start) === AF_BRIDGE) return undefined;
        return { kind: 'link', link: resolveLink(decodeLink(message), names), ...origin };
      case RTM_NEWADDR:
      case RTM_DELADDR: {
        const address = decodeAddress(message, names);
        return address === undefined ? undefined : { kind: 'address', address, ...origin };
      }
      case RTM_NEWROUTE:
      case RTM_DELROUTE: {
        const route = decodeRoute(message, names)?.route;
        return route === undefined ? undefined : { kind: 'route', route, ...origin };
      }
      case RTM_NEWRULE:
      case RTM_DELRULE: {
        const rule = decodeRule(message);
        return rule === undefined ? undefined : { kind: 'rule', rule, ...origin };
      }
      case RTM_NEWNEIGH:
      case RTM_DELNEIGH: {
        if (message.buffer.readUInt8(message.start) === AF_BRIDGE) {
          const entry = decodeForwardingEntry(message, names);
          return entry === undefined ? undefined : { kind: 'forwarding', entry, ...origin };
        }
        const neighbour = decodeNeighbour(message, names);
        return neighbour === undefined ? undefined : { kind: 'neighbour', neighbour, ...origin };
      }
      default:
        return undefined;
    }
  }
}

const REMOVALS: ReadonlySet<number> = new Set([RTM_DELLINK, RTM_DELADDR, RTM_DELROUTE, RTM_DELRULE, RTM_DELNEIGH]);
