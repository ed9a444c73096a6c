import type { Address } from '../address/address.ts';
import type { Prefix } from '../address/prefix.ts';
import type { TransportProtocol } from '../address/protocol.ts';

/** What the Kubernetes API says of the cluster, as values. */
export interface ClusterState {
  readonly nodes: ReadonlyMap<string, ClusterNode>;
  /** By `NAMESPACE/NAME`; in an agent, those of its own node only. */
  readonly pods: ReadonlyMap<string, ClusterPod>;
  /** By `NAMESPACE/NAME`. */
  readonly services: ReadonlyMap<string, ClusterService>;
  /** By `NAMESPACE/NAME` of the service; the slices of one service merged. */
  readonly endpoints: ReadonlyMap<string, readonly ServiceEndpoint[]>;
}

export interface ClusterNode {
  readonly name: string;
  /** InternalIPs, at most one a family. */
  readonly addresses: readonly Address[];
  /** `spec.podCIDRs`, at most one a family. */
  readonly podPrefixes: readonly Prefix[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ready: boolean;
}

export interface ClusterPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node?: string;
  readonly addresses: readonly Address[];
  readonly hostNetwork: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
}

export type TrafficPolicy = 'Cluster' | 'Local';

export interface ServicePort {
  /** Empty for a service's only, unnamed port. */
  readonly name: string;
  readonly protocol: TransportProtocol;
  readonly port: number;
  readonly nodePort?: number;
}

/** A Service that has virtual addresses; headless and ExternalName services do not appear. */
export interface ClusterService {
  readonly namespace: string;
  readonly name: string;
  readonly clusterAddresses: readonly Address[];
  readonly externalAddresses: readonly Address[];
  readonly loadBalancer: readonly { readonly address: Address; readonly mode: 'VIP' | 'Proxy' }[];
  readonly sourceRanges: readonly Prefix[];
  readonly ports: readonly ServicePort[];
  /** Seconds of ClientIP affinity; absent for none. */
  readonly affinityTimeout?: number;
  readonly internalPolicy: TrafficPolicy;
  readonly externalPolicy: TrafficPolicy;
  readonly healthCheckNodePort?: number;
  readonly publishNotReady: boolean;
  readonly trafficDistribution?: string;
}

/** One endpoint address with its ports resolved by the EndpointSlice that it stands in. */
export interface ServiceEndpoint {
  readonly address: Address;
  /** By port name. */
  readonly ports: ReadonlyMap<string, { readonly port: number; readonly protocol: TransportProtocol }>;
  readonly node?: string;
  readonly zone?: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}
