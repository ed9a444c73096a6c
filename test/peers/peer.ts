import { existsSync, globSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Where packages are unpacked: a directory each, named after the package, and the suite where that isn't the host's. */
export const PEERS_DIRECTORY = path.join(ROOT, '.peers');

/** What programs of another suite bring along, since the host's libraries may be too old or too new for them. */
const NFT_LIBRARIES = [
  ...['libnftables1', 'libnftnl11', 'libmnl0', 'libjansson4', 'libxtables12', 'libgmp10'],
  ...['libedit2', 'libtinfo6', 'libbsd0', 'libmd0', 'libc6'],
];

/** What is unpacked into one directory. */
export interface PeerPackage {
  readonly package: string;
  /** A suite of Debian's; absent for the host's own. */
  readonly suite?: string;
  /** Unpacked into the same directory; only where a suite is given. */
  readonly libraries?: readonly string[];
}

interface Peer extends PeerPackage {
  /** Path in the package. */
  readonly file: string;
  /** Where it may be installed, whatever its version. */
  readonly installed: readonly string[];
}

/** Programs of others that tests and benchmarks compare with, and where they are in a Debian package. */
const PEERS = {
  'kubectl-1.20': { package: 'kubernetes-client', file: 'usr/bin/kubectl', installed: [] },
  'cni-bridge': {
    package: 'containernetworking-plugins',
    file: 'usr/lib/cni/bridge',
    installed: ['/usr/lib/cni/bridge'],
  },
  'cni-ptp': { package: 'containernetworking-plugins', file: 'usr/lib/cni/ptp', installed: ['/usr/lib/cni/ptp'] },
  'cni-host-local': {
    package: 'containernetworking-plugins',
    file: 'usr/lib/cni/host-local',
    installed: ['/usr/lib/cni/host-local'],
  },
  'cni-portmap': {
    package: 'containernetworking-plugins',
    file: 'usr/lib/cni/portmap',
    installed: ['/usr/lib/cni/portmap'],
  },
  'cni-bandwidth': {
    package: 'containernetworking-plugins',
    file: 'usr/lib/cni/bandwidth',
    installed: ['/usr/lib/cni/bandwidth'],
  },
  busybox: { package: 'busybox-static', file: 'bin/busybox', installed: ['/usr/bin/busybox', '/bin/busybox'] },
  'nft-1.0.6': {
    package: 'nftables',
    suite: 'bookworm',
    libraries: NFT_LIBRARIES,
    file: 'usr/sbin/nft',
    installed: [],
  },
  'nft-1.1.3': {
    package: 'nftables',
    suite: 'trixie',
    libraries: NFT_LIBRARIES,
    file: 'usr/sbin/nft',
    installed: [],
  },
} as const satisfies Readonly<Record<string, Peer>>;

export type PeerName = keyof typeof PEERS;

/** The Debian packages that hold them all. */
export const PEER_PACKAGES: readonly PeerPackage[] = [
  ...new Map(Object.values(PEERS).map((peer: Peer) => [packageDirectory(peer), peer])).values(),
];

/** Name of a package's directory: `nftables`, `nftables-trixie`. */
export function packageDirectory({ package: name, suite }: PeerPackage): string {
  return suite === undefined ? name : `${name}-${suite}`;
}

/** The path of a peer: unpacked by `node scripts/peers.ts`, or installed; undefined where it is neither. */
export function peerPath(name: PeerName): string | undefined {
  const peer: Peer = PEERS[name];
  const candidates = [path.join(PEERS_DIRECTORY, packageDirectory(peer), peer.file), ...peer.installed];
  return candidates.find((candidate) => existsSync(candidate));
}

/**
 * What runs a peer with the libraries that were unpacked beside it: the program and the options before its own.
 * Undefined where it isn't there.
 */
export function peerCommand(name: PeerName): readonly [string, ...string[]] | undefined {
  const file = peerPath(name);
  const peer: Peer = PEERS[name];
  if (file === undefined || peer.libraries === undefined) return file === undefined ? undefined : [file];
  const root = path.join(PEERS_DIRECTORY, packageDirectory(peer));
  const inRoot = (pattern: string) => globSync(pattern, { cwd: root }).map((found) => path.join(root, found));
  const [loader] = inRoot('{lib,usr/lib}/*/ld-linux*.so.*');
  const directories = new Set(inRoot('{lib,usr/lib}/*/*.so.*').map((library) => path.dirname(library)));
  return loader === undefined ? undefined : [loader, '--library-path', [...directories].join(':'), file];
}

/** For node:test's `skip`: false where all of them are there, else which is missing and what to do. */
export function missingPeers(...names: readonly PeerName[]): string | false {
  const missing = names.filter((name) => peerPath(name) === undefined);
  return missing.length === 0 ? false : `${missing.join(', ')} missing: run node scripts/peers.ts`;
}
