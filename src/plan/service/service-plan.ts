import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import type { Prefix } from '../../address/prefix.ts';
import type { TransportProtocol } from '../../address/protocol.ts';
import type { TrafficPolicy } from '../../cluster/cluster-state.ts';

/** Where connections to virtual addresses, node ports and host ports lead, in neutral terms. */
export interface ServicePlan {
  readonly surroundings: ServiceSurroundings;
  /** By `NAMESPACE/NAME` of the service, and by `host-port CONTAINER INTERFACE` of an attachment. */
  readonly services: ReadonlyMap<string, PlannedService>;
}

/** What one Service, or the port mappings of one pod, come to on this node. */
export interface PlannedService {
  readonly pools: readonly ServicePool[];
  readonly fronts: readonly ServiceFront[];
  /** Asked by load balancers: the node is fit as long as it has endpoints of its own. */
  readonly healthCheck?: { readonly port: number; readonly localEndpoints: number };
}

/** The endpoints of one port of a service in one family under one policy; stored once, however many fronts lead to it. */
export interface ServicePool {
  /** `NAMESPACE/NAME:PORT`, then protocol, family and policy; unique. */
  readonly id: string;
  readonly family: Family;
  readonly protocol: TransportProtocol;
  /** Whose endpoints it holds, all or this node's; absent for a host port. */
  readonly policy?: TrafficPolicy;
  readonly endpoints: readonly PoolEndpoint[];
  /** What becomes of connections where there are no endpoints. */
  readonly whenEmpty: 'reject' | 'drop';
  /** Seconds for which a client that comes back gets the same endpoint; absent for none. */
  readonly affinityTimeout?: number;
}

export interface PoolEndpoint {
  readonly address: Address;
  readonly port: number;
  /** Whether it is on this node. */
  readonly local: boolean;
}

/** Who a front is for: `inside`, in place of the one for `everyone`, for this node's own processes and pods. */
export type Reach = 'everyone' | 'inside';

/** What clients connect to. */
export type ServiceFront = AddressFront | NodePortFront | HostPortFront;

interface Front {
  /** `NAMESPACE/NAME:PORT`, without the colon for an unnamed port. */
  readonly name: string;
  readonly family: Family;
  readonly protocol: TransportProtocol;
  readonly port: number;
  /** Id of the pool that it leads to. */
  readonly pool: string;
}

export interface AddressFront extends Front {
  readonly kind: 'address';
  readonly role: 'cluster' | 'external' | 'load-balancer' | 'host-port';
  readonly address: Address;
  readonly reach: Reach;
  /** Sources that are let in; absent for all. */
  readonly sources?: readonly Prefix[];
}

/**
 * A port of the node's own addresses; of policy Cluster also one of every other node's for those inside: their
 * connections are translated where they start, since a second node on the way would have to masquerade them.
 */
export interface NodePortFront extends Front {
  readonly kind: 'node-port';
  readonly policy: TrafficPolicy;
  readonly reach: Reach;
}

/** A port of every address of the host. */
export interface HostPortFront extends Front {
  readonly kind: 'host-port';
}

/** What the services of a node have in common. */
export interface ServiceSurroundings {
  /** InternalIPs: the source of what is masqueraded. */
  readonly addresses: readonly Address[];
  /** Addresses of this node whose node ports are served, 127.0.0.1 among them where it is. */
  readonly nodePortAddresses: readonly Address[];
  /** The same of all other nodes. */
  readonly peerNodePortAddresses: readonly Address[];
  /** This node's pod prefixes. */
  readonly podPrefixes: readonly Prefix[];
  /** Pod prefixes and InternalIPs of all nodes and the cluster's prefixes, disjoint: who isn't in it is outside. */
  readonly clusterPrefixes: readonly Prefix[];
  /** Ranges of virtual addresses; those that are no front are refused. */
  readonly servicePrefixes: readonly Prefix[];
}
