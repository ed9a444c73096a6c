import type { TableChange } from '../netfilter/table-change.ts';
import type { ForwardingEntry, LinkAddress, Neighbour, QueueDiscipline } from './network-state.ts';
import type { OwnedLink, SysctlSetting } from './owned-state.ts';
import type { Route, RoutingRule } from './route.ts';

/** One step from the state that is to the state that must be, in one namespace. */
export type Change =
  | { readonly kind: 'add-link'; readonly link: OwnedLink }
  /** The link is there with something different (address, MTU, state, master, port flags): set what the link says. */
  | { readonly kind: 'update-link'; readonly link: OwnedLink }
  | { readonly kind: 'remove-link'; readonly name: string }
  | { readonly kind: 'put-address' | 'remove-address'; readonly address: LinkAddress }
  /** `put` replaces a route of the same table, destination and metric. */
  | { readonly kind: 'put-route' | 'remove-route'; readonly route: Route }
  | { readonly kind: 'add-rule' | 'remove-rule'; readonly rule: RoutingRule }
  | { readonly kind: 'put-neighbour' | 'remove-neighbour'; readonly neighbour: Neighbour }
  | { readonly kind: 'put-forwarding' | 'remove-forwarding'; readonly entry: ForwardingEntry }
  | { readonly kind: 'set-sysctl'; readonly setting: SysctlSetting }
  | { readonly kind: 'put-queue-discipline' | 'remove-queue-discipline'; readonly discipline: QueueDiscipline }
  /** One nf_tables transaction. */
  | { readonly kind: 'change-tables'; readonly changes: readonly TableChange[] };

/** The changes of one namespace, in the order in which they must be applied. */
export interface NamespaceChanges {
  /** Path of a pod's namespace; absent for the host's own. */
  readonly namespace?: string;
  readonly changes: readonly Change[];
}
