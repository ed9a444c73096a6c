import type { Backend } from './backend.ts';
import {
  announceBackend,
  announceToFlannel,
  directPath,
  disagreement,
  goesDirect,
  goesTunnelled,
  noPath,
  notShared,
  onSharedSubnet,
  tunnelPath,
} from './reach.ts';

/**
 * Direct to peers on a shared subnet that would answer directly, through a tunnel to the others. To flannel this is a
 * vxlan node, which it answers directly only if it has DirectRouting itself.
 */
export const auto: Backend = {
  name: 'auto',
  tunnels: true,
  announce: (local) => ({ ...announceBackend('auto', local), ...announceToFlannel(local, 'vxlan') }),
  path: (local, peer, family) => {
    const byFlannel = peer.announcement.by === 'flannel' && goesTunnelled(peer);
    const direct = goesDirect(peer) || (byFlannel && local.flannelDirectRouting);
    if (direct && onSharedSubnet(local, peer, family)) return directPath(local, peer, family);
    if (goesTunnelled(peer)) return tunnelPath(local, peer, family);
    return noPath(
      direct ? `${notShared(local, peer, family)}, and node ${peer.name} has no tunnel` : disagreement('auto', peer),
    );
  },
};
