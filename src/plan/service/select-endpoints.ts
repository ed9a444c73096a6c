import type { ServiceEndpoint } from '../../cluster/cluster-state.ts';

/** Where the node that plans stands. */
export interface NodeLocation {
  readonly node: string;
  /** Label `topology.kubernetes.io/zone`; empty where it has none. */
  readonly zone: string;
}

/** The endpoints of one port and family by the policies that choose among them. */
export interface SelectedEndpoints {
  readonly cluster: readonly ServiceEndpoint[];
  /** Those on this node. */
  readonly local: readonly ServiceEndpoint[];
  /** Whether there is one anywhere that could take connections, hints and policies aside. */
  readonly any: boolean;
}

/**
 * Ready endpoints, or else those that serve while they terminate; decided apart for the cluster as a whole, where hints
 * narrow the ready ones, and for this node alone, where they don't. As kube-proxy decides (pkg/proxy/topology.go).
 */
export function selectEndpoints(endpoints: readonly ServiceEndpoint[], location: NodeLocation): SelectedEndpoints {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  const leaving = endpoints.filter((endpoint) => !endpoint.ready && endpoint.serving && endpoint.terminating);
  const isLocal = ({ node }: ServiceEndpoint) => node === location.node;
  const localReady = ready.filter(isLocal);
  return {
    cluster: ready.length > 0 ? nearest(ready, location) : leaving,
    local: localReady.length > 0 ? localReady : leaving.filter(isLocal),
    any: ready.length > 0 || leaving.length > 0,
  };
}

/** Hints count only where every endpoint has them and one of them names this place; those for the node before the zone's. */
function nearest(ready: readonly ServiceEndpoint[], { node, zone }: NodeLocation): readonly ServiceEndpoint[] {
  return (
    hinted(ready, ({ nodeHints }) => nodeHints, node) ?? hinted(ready, ({ zoneHints }) => zoneHints, zone) ?? ready
  );
}

function hinted(
  ready: readonly ServiceEndpoint[],
  hintsOf: (endpoint: ServiceEndpoint) => readonly string[],
  place: string,
): readonly ServiceEndpoint[] | undefined {
  if (place === '' || ready.some((endpoint) => hintsOf(endpoint).length === 0)) return undefined;
  const near = ready.filter((endpoint) => hintsOf(endpoint).includes(place));
  return near.length > 0 ? near : undefined;
}
