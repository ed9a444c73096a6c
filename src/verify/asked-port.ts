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

/** The node ports of a cluster's services, and their ports at addresses from outside, which may be nodes' own. */
export function nodePorts({ services }: ClusterState): readonly AskedPort[] {
  return [...services.values()].flatMap(({ ports, healthCheckNodePort, externalAddresses, loadBalancer }) => {
    const addresses = [...externalAddresses, ...loadBalancer.map(({ address }) => address)];
    const asked = ports.flatMap(({ protocol, port, nodePort }): readonly AskedPort[] => [
      ...(nodePort === undefined ? [] : [{ protocol, port: nodePort }]),
      ...(addresses.length === 0 ? [] : [{ protocol, port, addresses }]),
    ]);
    return healthCheckNodePort === undefined ? asked : [...asked, { protocol: 'tcp', port: healthCheckNodePort }];
  });
}
