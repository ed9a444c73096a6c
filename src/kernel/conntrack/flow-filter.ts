import { sameAddress } from '../../address/address.ts';
import type { Flow, FlowFilter, FlowTuple, TupleFilter } from './flow.ts';

/** True where a flow is one of those meant. */
export function matchesFilter(flow: Flow, { protocol, original, reply, zone }: FlowFilter): boolean {
  if (protocol !== undefined && flow.original.protocol !== protocol) return false;
  if (zone !== undefined && flow.zone !== zone) return false;
  return matchesTuple(flow.original, original) && matchesTuple(flow.reply, reply);
}

function matchesTuple(tuple: FlowTuple, filter: TupleFilter | undefined): boolean {
  if (filter === undefined) return true;
  const { source, destination, sourcePort, destinationPort } = filter;
  if (source !== undefined && !sameAddress(source, tuple.source)) return false;
  if (destination !== undefined && !sameAddress(destination, tuple.destination)) return false;
  if (sourcePort !== undefined && sourcePort !== tuple.sourcePort) return false;
  return destinationPort === undefined || destinationPort === tuple.destinationPort;
}
