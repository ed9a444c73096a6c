import type { Address } from '../address/address.ts';
import type { Prefix } from '../address/prefix.ts';
import { parseClusterNode } from '../cluster/cluster-node.ts';
import { FOREIGN_PREFIXES_ANNOTATION, type ForeignPrefix, parseForeignPrefixes } from '../cluster/foreign-prefix.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import type { Node, NodeCondition } from '../kube/objects/node.ts';

/** What the controller keeps of a Node. */
export interface PrefixNode {
  readonly name: string;
  readonly uid: string;
  /** RFC 3339. */
  readonly created: string;
  readonly addresses: readonly Address[];
  readonly podPrefixes: readonly Prefix[];
  /** What the node's agent has published; absent while it has not. */
  readonly foreign?: readonly ForeignPrefix[];
  /** Why what it has published can't be read. */
  readonly foreignError?: string;
  /** The NetworkUnavailable condition. */
  readonly condition?: Pick<NodeCondition, 'status' | 'reason' | 'message'>;
  readonly deleting: boolean;
}

/** Reduces a Node to what the controller keeps of it. */
export function parsePrefixNode(node: Node): PrefixNode {
  const { value } = parseClusterNode(node);
  const { name, uid = '', creationTimestamp = '', deletionTimestamp, annotations } = node.metadata;
  const condition = node.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable');
  return {
    name,
    uid,
    created: creationTimestamp,
    addresses: value?.addresses ?? [],
    podPrefixes: value?.podPrefixes ?? [],
    ...foreignOf(annotations?.[FOREIGN_PREFIXES_ANNOTATION]),
    ...(condition === undefined
      ? {}
      : { condition: { status: condition.status, reason: condition.reason ?? '', message: condition.message ?? '' } }),
    deleting: deletionTimestamp !== undefined,
  };
}

function foreignOf(text: string | undefined): Pick<PrefixNode, 'foreign' | 'foreignError'> {
  if (text === undefined) return {};
  try {
    return { foreign: parseForeignPrefixes(text) };
  } catch (error) {
    if (!isFlatnetError(error)) throw error;
    return { foreignError: error.message };
  }
}
