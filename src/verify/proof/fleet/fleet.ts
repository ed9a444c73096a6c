import type { ClusterState } from '../../../cluster/cluster-state.ts';
import type { HostState } from '../../../host/network-state.ts';
import type { NetworkPolicy } from '../../../kube/objects/network-policy.ts';
import type { AskedPort } from '../../asked-port.ts';
import type { FabricRoute } from '../../model/site.ts';

/** Many hosts, none of which need be there before somebody looks at it: planned ones are made at each look. */
export interface Fleet {
  readonly size: number;
  /** The state of the host in a place from 0 on; the same at each look. */
  host(place: number): HostState;
  /** What routers between the hosts are known to do. */
  readonly fabric?: readonly FabricRoute[];
  /** What the cluster's API says; without it the namespaces tell who is a pod, and uplinks a node's addresses. */
  readonly cluster?: ClusterState;
  /** Ports of hosts that are led elsewhere since somebody asked for it. */
  readonly askedPorts?: readonly AskedPort[];
  /** Network policies: what they may forbid is no breach. */
  readonly policies?: readonly NetworkPolicy[];
}

/** Hosts whose states are there already. */
export function fleetOf(hosts: readonly HostState[], rest: Omit<Fleet, 'size' | 'host'> = {}): Fleet {
  return {
    size: hosts.length,
    host(place) {
      const host = hosts[place];
      if (host === undefined) throw new RangeError(`there is no host ${place} among ${hosts.length}`);
      return host;
    },
    ...rest,
  };
}
