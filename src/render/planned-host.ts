import type { HostState, NamespaceState, NetworkState } from '../host/network-state.ts';
import { overlay } from '../host/overlay.ts';
import type { HostFacts } from '../plan/host-facts.ts';
import type { NodeOutline } from '../plan/plan-node.ts';
import { foreignState } from './foreign-state.ts';
import { joinPairs } from './joined-pairs.ts';
import { renderOutline } from './node.ts';
import { outlookTables } from './shared-rows.ts';

/**
 * The state that a node will have once its plan is applied: for whoever verifies a plan before the kernel sees it, or
 * a cluster that there is not. The rows for peers are shared with other nodes of the same directory, so that a host takes
 * the memory of its pods and nothing for its thousands of peers.
 */
export function planHostState({ plan, outlook }: NodeOutline, facts: HostFacts): HostState {
  // whether any peer is reached by a tunnel isn't asked: a rule for a table with nothing in it changes nothing
  const owned = renderOutline(plan, new Set(plan.overlays.map(({ family }) => family)));
  const pods = Map.groupBy(plan.attachments, ({ namespacePath }) => namespacePath);
  const namespaces = Array.from(owned.pods, ([path, network]): NamespaceState => {
    const pod = pods.get(path)?.[0]?.pod;
    const state = overlay(EMPTY_NAMESPACE, network);
    if (pod?.namespace === undefined) return { id: path, state };
    return { id: path, pod: { namespace: pod.namespace, name: pod.name }, state };
  });
  const root = overlay(foreignState(facts), owned.host, outlookTables(outlook()));
  return { name: plan.node, ...joinPairs({ root, namespaces }, owned.host) };
}

/** A network namespace as it is made, with its loopback up. */
const EMPTY_NAMESPACE: NetworkState = foreignState({
  uplinks: [],
  foreignAddresses: [],
  foreignRoutes: [],
  forwardDropped: [],
  bridgeNetfilter: false,
});
