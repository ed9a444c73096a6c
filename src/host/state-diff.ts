import type { NamespaceChanges } from './change.ts';
import { diffNetworks } from './network-diff.ts';
import type { ObservedNetwork } from './owned-network.ts';
import { EMPTY_NETWORK, type OwnedState } from './owned-state.ts';

/** What is ours on a host, as it was read; every OwnedState is one too. */
export interface ObservedState {
  readonly host: ObservedNetwork;
  readonly pods: ReadonlyMap<string, ObservedNetwork>;
}

/**
 * The steps for a host and its pods: the host's own first, since a pod's interface comes with the host's end of the
 * pair and stays down until the filters of the host's end stand. A pod that is no longer wanted has no steps of its
 * own: its interface goes with the host's end.
 */
export function diffStates(current: ObservedState, desired: OwnedState): NamespaceChanges[] {
  const host = { changes: diffNetworks(current.host, desired.host) };
  const pods = Array.from(desired.pods, ([namespace, network]) => ({
    namespace,
    changes: diffNetworks(current.pods.get(namespace) ?? EMPTY_NETWORK, network),
  }));
  return [host, ...pods].filter(({ changes }) => changes.length > 0);
}
