import type { NodeCondition } from '../kube/objects/node.ts';
import type { PrefixNode } from './prefix-node.ts';

/** What the controller knows of a node's network. */
export interface NodeFindings {
  /** Overlaps of the node's pod prefixes, each naming both sides. */
  readonly conflicts: readonly string[];
  /** Where the controller programs a fabric: how that went for the node. */
  readonly fabric?: { readonly error?: string } | undefined;
}

export type WantedCondition = Pick<NodeCondition, 'status' | 'reason' | 'message'>;

const OUR_COMPLAINTS: ReadonlySet<string> = new Set(['PrefixConflict', 'NoRouteCreated']);

/**
 * The NetworkUnavailable condition that a node should have from us; undefined where we have nothing to say. Reasons are
 * those of cloud route controllers where there are such.
 */
export function wantedCondition(node: PrefixNode, findings: NodeFindings): WantedCondition | undefined {
  if (findings.conflicts.length > 0)
    return { status: 'True', reason: 'PrefixConflict', message: findings.conflicts.join('; ') };
  if (findings.fabric?.error !== undefined)
    return { status: 'True', reason: 'NoRouteCreated', message: findings.fabric.error };
  if (findings.fabric !== undefined)
    return { status: 'False', reason: 'RouteCreated', message: 'The fabric has the routes to the pods of this node' };
  const complained = node.condition?.status === 'True' && OUR_COMPLAINTS.has(node.condition.reason ?? '');
  return complained
    ? { status: 'False', reason: 'PrefixesUsable', message: 'The pod prefixes of this node overlap nothing' }
    : undefined;
}

/** Whether a node has a condition already. */
export function hasCondition(node: PrefixNode, wanted: WantedCondition): boolean {
  const { condition } = node;
  return (
    condition?.status === wanted.status && condition.reason === wanted.reason && condition.message === wanted.message
  );
}
