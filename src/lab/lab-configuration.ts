import type { Address } from '../address/address.ts';
import type { Family } from '../address/family.ts';
import type { InterfaceAddress, Prefix } from '../address/prefix.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import type { Wiring } from '../cni/attachment.ts';
import type { ContainerPlan } from './model/container-plan.ts';
import type { Publication } from './publication.ts';

/** A layer 2 segment of the fabric; the router has the first address of each of its prefixes. */
export interface LabSubnet {
  readonly name: string;
  /** At most one a family. */
  readonly prefixes: readonly Prefix[];
  /** Bytes. */
  readonly mtu: number;
}

export interface HostIdentity {
  readonly name: string;
  /** With the prefix length of the subnet; at most one a family, IPv4 first. */
  readonly addresses: readonly InterfaceAddress[];
  readonly zone?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A host that is a node of the cluster. */
export interface LabHostConfiguration extends HostIdentity {
  readonly subnet: LabSubnet;
}

/** What a lab is made of, every default filled in. */
export interface LabConfiguration {
  readonly families: readonly Family[];
  readonly subnets: readonly LabSubnet[];
  readonly hosts: readonly LabHostConfiguration[];
  readonly cluster: ClusterConfiguration;
  readonly wiring: Wiring;
  /** ip-masq-agent's configuration, put in a file on every host; absent: none is configured. */
  readonly masquerade?: Readonly<Record<string, unknown>>;
  /** Addresses of the host outside, which knows the way to the hosts and to no pod; none: there is no outside. */
  readonly internet: readonly InterfaceAddress[];
  /** Where the fabric itself (API, DNS) is reached, one a family. */
  readonly serviceAddresses: readonly Address[];
  /** TCP port of the API on 127.0.0.1 of this machine; 0: any that is free. */
  readonly apiPort: number;
  readonly publish: readonly Publication[];
  /** What runs on the hosts in place of Kubernetes; absent: they are nodes of a cluster. */
  readonly containers?: ContainerPlan;
}
