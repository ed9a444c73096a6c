import { existsSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Where packages are unpacked: a directory each, named after the package. */
export const PEERS_DIRECTORY = path.join(ROOT, '.peers');

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
} as const;

export type PeerName = keyof typeof PEERS;

/** The Debian packages that hold them all. */
export const PEER_PACKAGES: readonly string[] = [...new Set(Object.values(PEERS).map((peer) => peer.package))];

/** The path of a peer: unpacked by `node scripts/peers.ts`, or installed; undefined where it is neither. */
export function peerPath(name: PeerName): string | undefined {
  const peer = PEERS[name];
  const candidates = [path.join(PEERS_DIRECTORY, peer.package, peer.file), ...peer.installed];
  return candidates.find((candidate) => existsSync(candidate));
}

/** For node:test's `skip`: false where all of them are there, else which is missing and what to do. */
export function missingPeers(...names: readonly PeerName[]): string | false {
  const missing = names.filter((name) => peerPath(name) === undefined);
  return missing.length === 0 ? false : `${missing.join(', ')} missing: run node scripts/peers.ts`;
}
