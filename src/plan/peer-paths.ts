import type { Backend } from './backend/backend.ts';
import type { LocalNode } from './local-node.ts';
import type { PeerPath } from './node-plan.ts';
import type { Peer, PeerDirectory } from './peer-directory.ts';

/** A node's paths to all its peers. */
export function* peerPaths(local: LocalNode, directory: PeerDirectory, backend: Backend): Generator<PeerPath> {
  for (const peer of directory.peers.values()) if (peer.name !== local.name) yield* pathsTo(local, peer, backend);
}

/** The paths to one peer: one for each of its pod prefixes. */
export function pathsTo(local: LocalNode, peer: Peer, backend: Backend): readonly PeerPath[] {
  return peer.podPrefixes.map((prefix) => {
    const { family } = prefix.address;
    return { node: peer.name, family, prefix, path: backend.path(local, peer, family) };
  });
}
