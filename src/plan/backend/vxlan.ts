import type { Backend } from './backend.ts';
import { announceBackend, announceToFlannel, disagreement, goesTunnelled, noPath, tunnelPath } from './reach.ts';

/** Tunnels to every peer, in flannel's format. */
export const vxlan: Backend = {
  name: 'vxlan',
  tunnels: true,
  announce: (local) => ({ ...announceBackend('vxlan', local), ...announceToFlannel(local, 'vxlan') }),
  path: (local, peer, family) =>
    goesTunnelled(peer) ? tunnelPath(local, peer, family) : noPath(disagreement('vxlan', peer)),
};
