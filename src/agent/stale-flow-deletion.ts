import { sameAddress } from '../address/address.ts';
import { PROTOCOL_NUMBERS } from '../address/protocol.ts';
import type { Flow } from '../kernel/conntrack/flow.ts';
import type { FlowTable } from '../kernel/conntrack/flow-table.ts';
import type { StaleFlows } from '../plan/service/plan-conntrack.ts';

/** Makes connection tracking forget flows that lead where none would now; one look at its table, whatever their number. */
export function deleteStaleFlows(table: FlowTable, stale: readonly StaleFlows[]): number {
  if (stale.length === 0) return 0;
  const byPort = Map.groupBy(stale, ({ protocol, destinationPort }) =>
    portKey(PROTOCOL_NUMBERS[protocol], destinationPort),
  );
  const flows = table
    .list(protocolFilter(stale))
    .filter((flow) =>
      byPort.get(portKey(flow.original.protocol, flow.original.destinationPort))?.some((one) => isStale(flow, one)),
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

function isStale({ original, reply }: Flow, { family, destination, endpoint }: StaleFlows): boolean {
  if (original.destination.family !== family) return false;
  if (destination !== undefined && !sameAddress(original.destination, destination)) return false;
  if (endpoint === undefined) return sameAddress(reply.source, original.destination);
  return sameAddress(reply.source, endpoint.address) && reply.sourcePort === endpoint.port;
}
