import type { Backend } from './backend.ts';
import {
  announceBackend,
  announceToFlannel,
  directPath,
  disagreement,
  goesDirect,
  noPath,
  notShared,
  onSharedSubnet,
} from './reach.ts';

/**
 * Routes by the peers' own addresses, for nodes that share a subnet; nothing else is needed. A peer that hasn't
 * announced itself is routed to all the same, as a cluster has one backend.
 */
export const hostGateway: Backend = {
  name: 'host-gw',
  tunnels: false,
  announce: (local) => ({ ...announceBackend('host-gw', local), ...announceToFlannel(local, 'host-gw') }),
  path: (local, peer, family) => {
    const { by, backend } = peer.announcement;
    const direct = goesDirect(peer) || by === 'nobody' || (by === 'flannel' && backend === 'host-gw');
    if (!direct) return noPath(disagreement('host-gw', peer));
    if (!onSharedSubnet(local, peer, family))
      return noPath(`${notShared(local, peer, family)}, and backend host-gw knows no other way: backend auto does`);
    return directPath(local, peer, family);
  },
};
