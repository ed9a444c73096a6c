import type { Family } from '../../address/family.ts';
import type { BackendName } from '../../cluster/cluster-configuration.ts';
import type { LocalNode } from '../local-node.ts';
import type { Path } from '../node-plan.ts';
import type { Peer } from '../peer-directory.ts';

/**
 * A way to carry packets between nodes. Two functions say all of it; both are pure.
 * Paths agree: where A reaches B's pods directly, so does B those of A, since each asks what both have announced.
 */
export interface Backend {
  readonly name: BackendName;
  /** Whether any path may be a tunnel: then the node needs tunnel devices, and its pods the smaller MTU. */
  readonly tunnels: boolean;
  /** The annotations of the node's own Node object by which others find their path to it. */
  announce(local: LocalNode): Readonly<Record<string, string>>;
  /** How the node reaches the peer's pods of a family. */
  path(local: LocalNode, peer: Peer, family: Family): Path;
}
