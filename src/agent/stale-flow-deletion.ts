import { type Address, addressKey, sameAddress } from '../address/address.ts';
import { PROTOCOL_NUMBERS } from '../address/protocol.ts';
import type { Flow } from '../kernel/conntrack/flow.ts';
import type { FlowTable } from '../kernel/conntrack/flow-table.ts';
import type { StaleFlows } from '../plan/service/plan-conntrack.ts';

/** Flows that are deleted at a time, a millisecond or two. */
const SOME = 200;

/**
 * Makes connection tracking forget flows that lead where none would now, some of it at a time; one look at its table,
 * whatever their number.
 * @param isNodeAddress of which addresses a node port is one: a flow to the same port of anybody else is none of ours
 */
export function* staleFlowDeletion(
  table: Pick<FlowTable, 'find' | 'delete'>,
  stale: readonly StaleFlows[],
  isNodeAddress: (address: Address) => boolean,
): Generator<void, void> {
  if (stale.length === 0) return;
  const byFront = Map.groupBy(stale, ({ protocol, destination, destinationPort }) =>
    frontKey(PROTOCOL_NUMBERS[protocol], destinationPort, destination),
  );
  const isAnyOf = (flow: Flow, destination?: Address): boolean => {
    const { protocol, destinationPort } = flow.original;
    const own = byFront.get(frontKey(protocol, destinationPort, destination));
    return own?.some((one) => isStale(flow, one, isNodeAddress)) ?? false;
  };
  const flows = yield* table.find((flow) => isAnyOf(flow, flow.original.destination) || isAnyOf(flow));
  for (let from = 0; from < flows.length; from += SOME) {
    table.delete(flows.slice(from, from + SOME));
    yield;
  }
}

/** @param destination absent for any address of this node or of another one */
function frontKey(protocol: number, port: number | undefined, destination?: Address): string {
  return `${protocol} ${port} ${destination === undefined ? '' : addressKey(destination)}`;
}

function isStale(flow: Flow, stale: StaleFlows, isNodeAddress: (address: Address) => boolean): boolean {
  const { original, reply } = flow;
  const { family, destination, endpoint, exceptTo } = stale;
  if (original.destination.family !== family) return false;
  const leadsTo = ({ address, port }: NonNullable<typeof endpoint>) =>
    sameAddress(reply.source, address) && reply.sourcePort === port;
  if (endpoint !== undefined) return leadsTo(endpoint);
  if (destination === undefined && !isNodeAddress(original.destination)) return false;
  return exceptTo === undefined ? sameAddress(reply.source, original.destination) : !exceptTo.some(leadsTo);
}
