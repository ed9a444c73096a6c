import { formatAddress } from '../../address/address.ts';
import { prefixContains } from '../../address/prefix.ts';
import type { Explanation } from './explanation.ts';
import { type Fault, routesOf } from './fault.ts';
import { responsibleRoute } from './responsible.ts';

/** A next hop that nobody on the link answers for, or that an entry of former times gives to somebody who has gone. */
export function neighbourEntry({ way, receiver, sent }: Fault): Explanation | undefined {
  const { reason, at } = way;
  if (reason.kind === 'stale-neighbour') {
    const address = formatAddress(reason.address);
    return {
      cause: 'a neighbour entry is stale',
      responsible: `${at.name}: neighbour ${address} lladdr ${reason.mac} dev ${reason.device} ${reason.entry.state}`,
      remedy: `ip neighbour delete ${address} dev ${reason.device} on ${at.name}`,
    };
  }
  if (reason.kind !== 'no-neighbour') return undefined;
  const address = formatAddress(reason.address);
  const bears = receiver.state.addresses.some((row) => row.address.value === sent.destination.value);
  const last = routesOf(way).at(-1);
  if (!bears && reason.address.value === sent.destination.value)
    return {
      cause: 'nobody has the address that the cluster knows',
      responsible: `${receiver.name} has no ${address} on any device`,
      remedy: `delete ${receiver.name}, so that it is made anew`,
    };
  const closeRoute = last !== undefined && prefixContains(last.route.destination, sent.destination);
  return {
    cause: `nobody on a link answers for ${reason.address.value === sent.destination.value ? 'the receiver' : 'a next hop'}`,
    responsible: `${at.name}: ${address} on ${reason.device}${last !== undefined && closeRoute ? `, by ${responsibleRoute(last)}` : ''}`,
    remedy: `let the route name a next hop that is there, or put ${address} on ${reason.device}'s link`,
  };
}
