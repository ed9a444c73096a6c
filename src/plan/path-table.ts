import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';
import type { Backend } from './backend/backend.ts';
import type { LocalNode } from './local-node.ts';
import type { PeerPath } from './node-plan.ts';
import type { Peer, PeerDirectory } from './peer-directory.ts';

/** A node's paths to all its peers, computed at each look from the directory that all nodes share. */
export interface PathTable {
  rows(): Iterable<PeerPath>;
  /** The path to the pod prefix that holds the address. */
  toPod(address: Address): PeerPath | undefined;
  /** The paths to the node that has the address as InternalIP. */
  toNode(address: Address): Iterable<PeerPath>;
  /** The path whose tunnel endpoint has the MAC. */
  toEndpoint(mac: Mac): PeerPath | undefined;
}

export function pathTable(local: LocalNode, directory: PeerDirectory, backend: Backend): PathTable {
  const pathsTo = function* (peer: Peer): Generator<PeerPath> {
    if (peer.name === local.name) return;
    for (const prefix of peer.podPrefixes) {
      const { family } = prefix.address;
      yield { node: peer.name, family, prefix, path: backend.path(local, peer, family) };
    }
  };
  return {
    *rows() {
      for (const peer of directory.peers.values()) yield* pathsTo(peer);
    },
    toPod: (address) => {
      const holder = directory.holderOf(address);
      if (holder === undefined || holder.peer.name === local.name) return undefined;
      const { peer, prefix } = holder;
      const { family } = address;
      return { node: peer.name, family, prefix, path: backend.path(local, peer, family) };
    },
    *toNode(address) {
      const peer = directory.nodeAt(address);
      if (peer !== undefined) yield* pathsTo(peer);
    },
    toEndpoint: (mac) => {
      const peer = directory.endpointAt(mac);
      return peer && pathsTo(peer).find(({ path }) => path.kind === 'tunnel' && path.mac === mac);
    },
  };
}
