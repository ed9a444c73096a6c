import type { Backend } from './backend.ts';
import { announceBackend, disagreement, noPath } from './reach.ts';

/** The fabric's own route table sends each prefix to its node: nodes need no routes, and leave packets to the default. */
export const cloud: Backend = {
  name: 'cloud',
  tunnels: false,
  announce: (local) => announceBackend('cloud', local),
  path: (_local, peer) => {
    const { by, backend } = peer.announcement;
    return by === 'nobody' || backend === 'cloud' ? { kind: 'fabric' } : noPath(disagreement('cloud', peer));
  },
};
