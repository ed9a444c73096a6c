import type { Address } from '../address/address.ts';
import type { TransportProtocol } from '../address/protocol.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';

/**
 * A port of hosts whose packets somebody has asked to be led elsewhere: a node port, a pod's host port, a published one. The rules
 * judge direct addressing, and such a packet is none, though it is sent to a host's own address.
 */
export interface AskedPort {
  readonly protocol: TransportProtocol;
  readonly port: number;
  /** At these addresses alone; absent: at all of every node. */
  readonly addresses?: readonly Address[];
}

/** The node ports of a cluster's services. */
export function nodePorts({ services }: ClusterState): readonly AskedPort[] {
  return [...services.values()].flatMap(({ ports }) =>
    ports.flatMap(({ protocol, nodePort }) => (nodePort === undefined ? [] : [{ protocol, port: nodePort }])),
  );
}
