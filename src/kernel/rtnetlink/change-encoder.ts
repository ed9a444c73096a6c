import type { Change } from '../../host/change.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import { encodeAddress, encodeAddressRemoval } from './address.ts';
import { encodeForwardingEntry, encodeForwardingRemoval } from './forwarding.ts';
import type { LinkNames } from './link-names.ts';
import { encodeNeighbour, encodeNeighbourRemoval } from './neighbour.ts';
import { encodeQueueDiscipline, encodeQueueDisciplineRemoval } from './queue-discipline.ts';
import { encodeRoute, encodeRouteRemoval } from './route.ts';
import { encodeRule, encodeRuleRemoval } from './rule.ts';

/** A change that is one rtnetlink message. */
export type MessageChange = Exclude<
  Change,
  { readonly kind: 'add-link' | 'update-link' | 'remove-link' | 'set-sysctl' | 'change-tables' }
>;

/** Writes the message of a change. @throws FlatnetError `not-found` where it names a link that isn't there */
export function encodeChange(builder: MessageBuilder, change: MessageChange, names: LinkNames): void {
  switch (change.kind) {
    case 'put-address':
      encodeAddress(builder, change.address, names);
      break;
    case 'remove-address':
      encodeAddressRemoval(builder, change.address, names);
      break;
    case 'put-route':
      encodeRoute(builder, change.route, names, 'add');
      break;
    case 'remove-route':
      encodeRouteRemoval(builder, change.route, names);
      break;
    case 'add-rule':
      encodeRule(builder, change.rule);
      break;
    case 'remove-rule':
      encodeRuleRemoval(builder, change.rule);
      break;
    case 'put-neighbour':
      encodeNeighbour(builder, change.neighbour, names);
      break;
    case 'remove-neighbour':
      encodeNeighbourRemoval(builder, change.neighbour, names);
      break;
    case 'put-forwarding':
      encodeForwardingEntry(builder, change.entry, names);
      break;
    case 'remove-forwarding':
      encodeForwardingRemoval(builder, change.entry, names);
      break;
    case 'put-queue-discipline':
      // Those that we don't model we don't make.
      if (change.discipline.kind === 'tbf') encodeQueueDiscipline(builder, change.discipline, names);
      break;
    case 'remove-queue-discipline':
      encodeQueueDisciplineRemoval(builder, change.discipline.device, names);
      break;
    default:
      change satisfies never;
  }
}

/** True for a change that takes something away: there, not finding it is as good as success. */
export function isRemoval(change: MessageChange): boolean {
  return change.kind.startsWith('remove-');
}

/** Names of the links that must be there for the change to make sense. */
export function devicesOf(change: MessageChange): readonly string[] {
  switch (change.kind) {
    case 'put-address':
    case 'remove-address':
      return [change.address.device];
    case 'put-route':
    case 'remove-route':
      return change.route.nextHops.flatMap(({ device }) => device ?? []);
    case 'put-neighbour':
    case 'remove-neighbour':
      return [change.neighbour.device];
    case 'put-forwarding':
    case 'remove-forwarding':
      return [change.entry.device];
    case 'put-queue-discipline':
    case 'remove-queue-discipline':
      return [change.discipline.device];
    case 'add-rule':
    case 'remove-rule':
      return [];
    default:
      return change satisfies never;
  }
}
