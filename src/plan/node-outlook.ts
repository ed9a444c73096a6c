import { type Address, formatAddress, parseAddress, sameAddress } from '../address/address.ts';
import { FAMILIES, FAMILY_BITS, type Family } from '../address/family.ts';
import { formatPrefix, type Prefix, prefixOf } from '../address/prefix.ts';
import { PrefixIndex } from '../address/prefix-index.ts';
import type { Backend } from './backend/backend.ts';
import type { LocalNode } from './local-node.ts';
import type { PeerPath } from './node-plan.ts';
import type { Peer, PeerDirectory } from './peer-directory.ts';
import { pathsTo } from './peer-paths.ts';

/** Paths to peers that many nodes have alike, but for what they speak from: the same object for all of them. */
export interface SharedPaths {
  readonly byPeer: ReadonlyMap<string, readonly PeerPath[]>;
}

/**
 * A node's paths to its peers in parts that it shares: those to nodes on its subnet with the nodes on its subnet, and
 * the others with all nodes. A cluster of thousands of nodes so has as many paths as nodes, and not as pairs of nodes.
 */
export interface NodeOutlook {
  readonly node: string;
  /** To all nodes, as one on no subnet with anybody reaches them; those in `near` don't count. */
  readonly far: SharedPaths;
  /** To the nodes that are reached in another way because they share a subnet; the node itself may be among them. */
  readonly near: SharedPaths;
  /** What the node speaks from where the shared paths have a stand-in, by the stand-in's text. */
  readonly sources: ReadonlyMap<string, Address>;
}

/** Addresses that no node has: in shared paths they stand for the node's own, and for its tunnel device's. */
const NODE_STAND_IN: Readonly<Record<Family, Address>> = { 4: parseAddress('0.0.0.0'), 6: parseAddress('::') };
const OVERLAY_STAND_IN: Readonly<Record<Family, Address>> = { 4: parseAddress('0.0.0.1'), 6: parseAddress('::ffff') };

/** The parts of which the paths of the nodes of one directory are made. */
class Neighbourhoods {
  readonly paths = new Map<string, SharedPaths>();
  readonly subnets = new PrefixIndex<Prefix>();
  readonly #nodes: Readonly<Record<Family, { readonly value: bigint; readonly peer: Peer }[]>> = { 4: [], 6: [] };

  constructor({ peers }: PeerDirectory) {
    const known = new Set<string>();
    for (const peer of peers.values()) {
      for (const { family, value } of peer.addresses) this.#nodes[family].push({ value, peer });
      for (const { address, length } of peer.announcement.subnets) {
        const subnet = prefixOf(address, length);
        if (!known.has(formatPrefix(subnet))) this.subnets.add(subnet, subnet);
        known.add(formatPrefix(subnet));
      }
    }
    for (const family of FAMILIES) this.#nodes[family].sort((left, right) => (left.value < right.value ? -1 : 1));
  }

  /** The nodes that have an address in the prefix. */
  *nodesIn({ address: { family, value }, length }: Prefix): Generator<Peer> {
    const nodes = this.#nodes[family];
    const end = value + (1n << BigInt(FAMILY_BITS[family] - length));
    let low = 0;
    for (let high = nodes.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((nodes[middle]?.value ?? 0n) < value) low = middle + 1;
      else high = middle;
    }
    for (let node = nodes[low]; node !== undefined && node.value < end; node = nodes[++low]) yield node.peer;
  }
}

const neighbourhoods = new WeakMap<PeerDirectory, Neighbourhoods>();

/**
 * What a node sees of its peers. That nodes share it rests on what a path hangs on: on the node's devices, on whether each of
 * the two lies in the other's subnet, and on nothing else of the node.
 */
export function outlookOf(local: LocalNode, directory: PeerDirectory, backend: Backend): NodeOutlook {
  const around = neighbourhoods.get(directory) ?? new Neighbourhoods(directory);
  neighbourhoods.set(directory, around);
  const devices = FAMILIES.map((family) => [local.uplinks[family]?.device, local.overlays[family]?.device].join('|'));
  const farKey = [backend.name, local.flannelDirectRouting, ...devices].join(' ');
  const nearKey = [farKey, ...FAMILIES.map((family) => subnetKey(local, around, family))].join(' ');
  const far = remembered(around.paths, farKey, () => farPaths(local, directory, backend));
  const near = remembered(around.paths, nearKey, () => nearPaths(local, around, far, backend));
  return { node: local.name, far, near, sources: sourcesOf(local) };
}

function remembered(known: Map<string, SharedPaths>, key: string, make: () => SharedPaths): SharedPaths {
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}

/** Whoever has the same is in the same subnets, in its own view and in each of the others'. */
function subnetKey({ uplinks }: LocalNode, { subnets }: Neighbourhoods, family: Family): string {
  const own = uplinks[family]?.address;
  if (own === undefined) return '-';
  const [narrowest] = subnets.holding(own.address);
  const text = narrowest === undefined ? '-' : formatPrefix(narrowest);
  return `near ${formatPrefix(prefixOf(own.address, own.length))} ${text}`;
}

function farPaths(local: LocalNode, directory: PeerDirectory, backend: Backend): SharedPaths {
  const uplinks: Partial<Record<Family, NonNullable<LocalNode['uplinks'][Family]>>> = {};
  const overlays: Partial<Record<Family, NonNullable<LocalNode['overlays'][Family]>>> = {};
  for (const family of FAMILIES) {
    const [uplink, overlay, address] = [local.uplinks[family], local.overlays[family], NODE_STAND_IN[family]];
    if (uplink !== undefined) uplinks[family] = { ...uplink, address: { address, length: FAMILY_BITS[family] } };
    if (overlay !== undefined) overlays[family] = { ...overlay, local: address, address: OVERLAY_STAND_IN[family] };
  }
  const somebody: LocalNode = { ...local, uplinks, overlays };
  return {
    byPeer: new Map(Iterator.from(directory.peers.values()).map((p) => [p.name, pathsTo(somebody, p, backend)])),
  };
}

function nearPaths(local: LocalNode, around: Neighbourhoods, far: SharedPaths, backend: Backend): SharedPaths {
  const byPeer = new Map<string, readonly PeerPath[]>();
  for (const family of FAMILIES) {
    const own = local.uplinks[family]?.address;
    if (own === undefined) continue;
    for (const peer of around.nodesIn(prefixOf(own.address, own.length))) {
      const paths = pathsTo(local, peer, backend).map((path) => withStandIn(path, local));
      const isNear = paths.some(({ path }, index) => path.kind !== far.byPeer.get(peer.name)?.[index]?.path.kind);
      if (isNear) byPeer.set(peer.name, paths);
    }
  }
  return { byPeer };
}

function withStandIn(peerPath: PeerPath, { uplinks, overlays }: LocalNode): PeerPath {
  const { path, family } = peerPath;
  if (!('source' in path) || path.source === undefined) return peerPath;
  const isOverlays = overlays[family] !== undefined && sameAddress(overlays[family].address, path.source);
  const isNodes = uplinks[family] !== undefined && sameAddress(uplinks[family].address.address, path.source);
  const source = isNodes ? NODE_STAND_IN[family] : isOverlays ? OVERLAY_STAND_IN[family] : path.source;
  return { ...peerPath, path: { ...path, source } };
}

function sourcesOf({ uplinks, overlays }: LocalNode): ReadonlyMap<string, Address> {
  const sources = new Map<string, Address>();
  for (const family of FAMILIES) {
    const [uplink, overlay] = [uplinks[family], overlays[family]];
    if (uplink !== undefined) sources.set(formatAddress(NODE_STAND_IN[family]), uplink.address.address);
    if (overlay !== undefined) sources.set(formatAddress(OVERLAY_STAND_IN[family]), overlay.address);
  }
  return sources;
}
