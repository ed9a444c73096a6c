import { type Address, formatAddress } from '../address/address.ts';
import type { Family } from '../address/family.ts';
import type { Mac } from '../address/mac.ts';
import { comparePrefixes, formatPrefix, hostPrefix, type Prefix, prefixCovers } from '../address/prefix.ts';
import { PrefixIndex } from '../address/prefix-index.ts';
import { disjointPrefixes } from '../address/prefix-set.ts';
import type { ClusterNode, ClusterState } from '../cluster/cluster-state.ts';
import { type Announcement, parseAnnouncement } from './announcement.ts';
import type { Finding } from './finding.ts';

/** A node as others see it. */
export interface Peer {
  readonly name: string;
  readonly addresses: readonly Address[];
  /** Its pod prefixes, without those that overlap another node's. */
  readonly podPrefixes: readonly Prefix[];
  readonly announcement: Announcement;
}

/** All nodes of a cluster, read once for the plans of any number of them. */
export interface PeerDirectory {
  readonly peers: ReadonlyMap<string, Peer>;
  /** About nodes as such, whoever plans. */
  readonly findings: readonly Finding[];
  /** InternalIPs and pod prefixes of all nodes, disjoint and in order. */
  readonly prefixes: readonly Prefix[];
  /** The node whose pod prefix holds the address. */
  holderOf(address: Address): { readonly peer: Peer; readonly prefix: Prefix } | undefined;
  /** The node that has the address as InternalIP. */
  nodeAt(address: Address): Peer | undefined;
  /** The node whose tunnel endpoint has the MAC. */
  endpointAt(mac: Mac): Peer | undefined;
}

/** An InternalIP or a pod prefix of a family, or undefined. */
export function addressOf(addresses: readonly Address[], family: Family): Address | undefined {
  return addresses.find((address) => address.family === family);
}

export function prefixIn(prefixes: readonly Prefix[], family: Family): Prefix | undefined {
  return prefixes.find(({ address }) => address.family === family);
}

/** Announcements by node object, which a list-watch keeps as long as the node doesn't change. */
const announcements = new WeakMap<ClusterNode, Announcement>();

function announcementOf(node: ClusterNode): Announcement {
  let announcement = announcements.get(node);
  if (announcement === undefined) {
    announcement = parseAnnouncement(node.annotations);
    announcements.set(node, announcement);
  }
  return announcement;
}

/** Reads the nodes of a cluster. Of prefixes that overlap neither is used, and both are named. */
export function peerDirectory(cluster: Pick<ClusterState, 'nodes'>): PeerDirectory {
  const overlaps = findOverlaps(cluster.nodes.values());
  const findings: Finding[] = overlaps.map(overlapFinding);
  const refused = new Set(overlaps.flatMap(({ claims }) => claims.map(({ prefix }) => prefix)));
  const peers = new Map<string, Peer>();
  const holders = new PrefixIndex<{ readonly peer: Peer; readonly prefix: Prefix }>();
  const nodes = new PrefixIndex<Peer>();
  const endpoints = new Map<Mac, Peer>();
  for (const node of cluster.nodes.values()) {
    const { name, addresses } = node;
    const podPrefixes = refused.size === 0 ? node.podPrefixes : node.podPrefixes.filter((one) => !refused.has(one));
    const peer: Peer = { name, addresses, podPrefixes, announcement: announcementOf(node) };
    peers.set(name, peer);
    for (const address of addresses) nodes.add(hostPrefix(address), peer);
    for (const { mac } of peer.announcement.endpoints) endpoints.set(mac, peer);
    for (const prefix of podPrefixes) holders.add(prefix, { peer, prefix });
    findings.push(...missingParts(node));
  }
  return {
    peers,
    findings,
    prefixes: disjointPrefixes(
      Iterator.from(peers.values()).flatMap(({ addresses, podPrefixes }) => [
        ...podPrefixes,
        ...addresses.map(hostPrefix),
      ]),
    ),
    holderOf: (address) => holders.holding(address)[0],
    nodeAt: (address) => nodes.holding(address)[0],
    endpointAt: (mac) => endpoints.get(mac),
  };
}

interface Claim {
  readonly node: string;
  readonly prefix: Prefix;
}

interface Overlap {
  readonly claims: readonly [Claim, Claim];
}

/** In order of prefixes each stands in the last one that no other covers, or is disjoint from all before it. */
function findOverlaps(nodes: Iterable<ClusterNode>): readonly Overlap[] {
  const claims = Iterator.from(nodes)
    .flatMap(({ name, podPrefixes }) => podPrefixes.map((prefix): Claim => ({ node: name, prefix })))
    .toArray()
    .sort((left, right) => comparePrefixes(left.prefix, right.prefix));
  const overlaps: Overlap[] = [];
  let outer: Claim | undefined;
  for (const claim of claims) {
    if (outer !== undefined && prefixCovers(outer.prefix, claim.prefix)) overlaps.push({ claims: [outer, claim] });
    else outer = claim;
  }
  return overlaps;
}

function overlapFinding({ claims: [left, right] }: Overlap): Finding {
  return {
    severity: 'warning',
    code: 'prefixes-overlap',
    subject: left.node,
    message: `${formatPrefix(left.prefix)} of node ${left.node} overlaps ${formatPrefix(right.prefix)} of node ${right.node}: neither is routed to`,
    remedy: 'give one of the nodes another podCIDR: delete its Node object, and let the node register again',
  };
}

function missingParts({ name, addresses, podPrefixes }: ClusterNode): Finding[] {
  const findings: Finding[] = [];
  if (podPrefixes.length === 0)
    findings.push({
      severity: 'warning',
      code: 'peer-without-prefix',
      subject: name,
      message: `node ${name} has no pod prefix: its pods can't be reached`,
      remedy: 'see whether flatnet controller runs, and whether the cluster prefixes have room for one node more',
    });
  for (const { address } of podPrefixes)
    if (addressOf(addresses, address.family) === undefined)
      findings.push({
        severity: 'warning',
        code: 'peer-without-address',
        subject: name,
        message: `node ${name} has an IPv${address.family} pod prefix and no IPv${address.family} InternalIP${others(addresses)}: its IPv${address.family} pods can't be reached`,
        remedy: `give the node an IPv${address.family} InternalIP (kubelet --node-ip), or take the prefix away`,
      });
  return findings;
}

function others(addresses: readonly Address[]): string {
  return addresses.length === 0 ? '' : ` (only ${addresses.map(formatAddress).join(', ')})`;
}
