import type { Prefix } from '../address/prefix.ts';

export type BackendName = 'auto' | 'host-gw' | 'vxlan' | 'cloud';

/** What every agent and the controller of a cluster must agree on; read from the same configuration file. */
export interface ClusterConfiguration {
  /** The ranges that pod prefixes are cut from, at most one a family. */
  readonly clusterPrefixes: readonly Prefix[];
  /** The ranges of virtual addresses, at most one a family. */
  readonly servicePrefixes: readonly Prefix[];
  /** Length of a node's prefix: /24 and /64 unless configured. */
  readonly nodePrefixLength: { readonly 4: number; readonly 6: number };
  readonly backend: BackendName;
}
