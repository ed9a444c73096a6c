import type { Link } from '../host/link.ts';
import type { NamespaceState, NetworkState } from '../host/network-state.ts';
import type { OwnedNetwork } from '../host/owned-state.ts';

/** What pods' namespaces call the host's own; theirs have the numbers after it, in their order. */
const ROOT_NUMBER = 0;

interface JoinedHost {
  readonly root: NetworkState;
  readonly namespaces: readonly NamespaceState[];
}

/** A host's own state and those of its pods, with each end of a veth pair naming the other, as the kernel tells it. */
export function joinPairs({ root, namespaces }: JoinedHost, owned: OwnedNetwork): JoinedHost {
  const peers = new Map(
    owned.links.flatMap(({ name, kind }) => (kind.kind === 'veth' ? [[name, kind.peer] as const] : [])),
  );
  const positions = new Map(namespaces.map(({ id }, position) => [id, position]));
  const podLinks = namespaces.map(({ state }) => [...state.links]);
  const rootLinks = root.links.map((link) => {
    const peer = peers.get(link.name);
    const position = peer && positions.get(peer.namespace);
    const links = position === undefined ? undefined : podLinks[position];
    const at = links?.findIndex(({ name }) => name === peer?.name) ?? -1;
    const pod = links?.[at];
    if (position === undefined || links === undefined || pod === undefined) return link;
    links[at] = joined(pod, link.index, ROOT_NUMBER);
    return joined(link, pod.index, ROOT_NUMBER + 1 + position);
  });
  return {
    root: { ...root, links: rootLinks },
    namespaces: namespaces.map((namespace, position) => ({
      ...namespace,
      state: { ...namespace.state, links: podLinks[position] ?? [] },
    })),
  };
}

function joined(link: Link, peerIndex: number, peerNamespace: number): Link {
  return { ...link, kind: { kind: 'veth', peerIndex, peerNamespace } };
}
