import { type Address, sameAddress } from '../address/address.ts';
import { PROTOCOL_NUMBERS } from '../address/protocol.ts';
import type { Flow } from '../kernel/conntrack/flow.ts';
import type { FlowTable } from '../kernel/conntrack/flow-table.ts';
import type { StaleFlows } from '../plan/service/plan-conntrack.ts';

/**
 * Makes connection tracking forget flows that lead where none would now; one look at its table, whatever their number.
 * @param isNodeAddress of which addresses a node port is one: a flow to the same port of anybody else is none of ours
 */
export function deleteStaleFlows(
  table: Pick<FlowTable, 'list' | 'delete'>,
  stale: readonly StaleFlows[],
  isNodeAddress: (address: Address) => boolean,
): number {
  if (stale.length === 0) return 0;
  const byPort = Map.groupBy(stale, ({ protocol, destinationPort }) =>
    portKey(PROTOCOL_NUMBERS[protocol], destinationPort),
  );
  const flows = table
    .list(protocolFilter(stale))
    .filter((flow) =>
      byPort
        .get(portKey(flow.original.protocol, flow.original.destinationPort))
        ?.some((one) => isStale(flow, one, isNodeAddress)),
    );
  return table.delete(flows);
}

function portKey(protocol: number, port: number | undefined): string {
  return `${protocol} ${port}`;
}

function protocolFilter(stale: readonly StaleFlows[]) {
  const protocols = new Set(stale.map(({ protocol }) => PROTOCOL_NUMBERS[protocol]));
  const [protocol] = protocols;
  return protocols.size === 1 && protocol !== undefined ? { protocol } : {};
}

function isStale(flow: Flow, stale: StaleFlows, isNodeAddress: (address: Address) => boolean): boolean {
  const { original, reply } = flow;
  const { family, destination, endpoint, exceptTo } = stale;
  if (original.destination.family !== family) return false;
  if (destination !== undefined && !sameAddress(original.destination, destination)) return false;
  const leadsTo = ({ address, port }: NonNullable<typeof endpoint>) =>
    sameAddress(reply.source, address) && reply.sourcePort === port;
  if (endpoint !== undefined) return leadsTo(endpoint);
  if (destination === undefined && !isNodeAddress(original.destination)) return false;
  return exceptTo === undefined ? sameAddress(reply.source, original.destination) : !exceptTo.some(leadsTo);
}
