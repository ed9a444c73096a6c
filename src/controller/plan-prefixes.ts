import { formatAddress } from '../address/address.ts';
import { formatPrefix, hostPrefix, type Prefix, samePrefix } from '../address/prefix.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { PrefixAllocator } from '../ipam/prefix-allocator.ts';
import { findPrefixConflicts, type PrefixClaim, type PrefixConflict } from './prefix-claim.ts';
import type { PrefixNode } from './prefix-node.ts';
import type { PrefixRecord, RestingPrefixes } from './prefix-record.ts';

export interface PrefixPlanInput {
  readonly configuration: ClusterConfiguration;
  readonly nodes: readonly PrefixNode[];
  readonly record: PrefixRecord;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Milliseconds that the prefix of a node that is gone rests. */
  readonly quarantine: number;
  /** Until when a node without word from its agent waits for it, in milliseconds since the epoch. */
  readonly waitsUntil: (node: PrefixNode) => number;
}

export interface PrefixAssignment {
  readonly node: PrefixNode;
  readonly prefixes: readonly Prefix[];
}

export interface PrefixPlan {
  /** To be written before any assignment is. */
  readonly record: PrefixRecord;
  readonly assignments: readonly PrefixAssignment[];
  readonly conflicts: readonly PrefixConflict[];
  /** Nodes that get nothing, and why. */
  readonly exhausted: readonly { readonly node: PrefixNode; readonly message: string; readonly remedy?: string }[];
  /** When to plan again though nothing has happened, in milliseconds since the epoch. */
  readonly deadline?: number;
}

/**
 * Decides which node gets which prefixes. What nodes have stays theirs; what was promised is kept; a node that comes
 * back gets what rests in its name; the others get the lowest that nobody holds and no host or service uses.
 */
export function planPrefixes(input: PrefixPlanInput): PrefixPlan {
  const { configuration, now } = input;
  const nodes = [...input.nodes].sort(
    (left, right) => compareTexts(left.created, right.created) || compareTexts(left.name, right.name),
  );
  const allocator = new PrefixAllocator({
    ranges: configuration.clusterPrefixes,
    lengths: configuration.nodePrefixLength,
  });
  for (const [index, claim] of foreignClaims(input).entries()) allocator.hold(`foreign/${index}`, [claim.prefix]);
  for (const node of nodes) allocator.hold(`node/${node.name}`, node.podPrefixes);

  const resting = stillResting(input);
  for (const { node, prefixes } of resting.values()) allocator.hold(`resting/${node}`, prefixes);

  const pending = nodes.filter((node) => node.podPrefixes.length === 0 && !node.deleting);
  const given = new Map<PrefixNode, readonly Prefix[]>();
  for (const node of pending) {
    const promised = input.record.held.get(node.name);
    if (promised !== undefined && takeAgain(allocator, node, promised)) given.set(node, promised);
  }
  for (const node of pending) {
    const rested = given.has(node) ? undefined : resting.get(node.name);
    if (rested === undefined) continue;
    allocator.release(`resting/${node.name}`);
    if (takeAgain(allocator, node, rested.prefixes)) {
      given.set(node, rested.prefixes);
      resting.delete(node.name);
    } else allocator.hold(`resting/${node.name}`, rested.prefixes);
  }
  const exhausted: PrefixPlan['exhausted'][number][] = [];
  let deadline = Math.min(...[...resting.values()].map(({ until }) => until));
  for (const node of pending) {
    if (given.has(node)) continue;
    const waitsUntil = input.waitsUntil(node);
    if (node.foreign === undefined && node.foreignError === undefined && waitsUntil > now) {
      deadline = Math.min(deadline, waitsUntil);
      continue;
    }
    try {
      given.set(node, allocator.allocate(`node/${node.name}`));
    } catch (error) {
      if (!isFlatnetError(error, 'exhausted')) throw error;
      const remedy = error.remedy === undefined ? {} : { remedy: error.remedy };
      exhausted.push({ node, message: error.message, ...remedy });
    }
  }
  const holding = nodes.map((node): [string, readonly Prefix[]] => [node.name, given.get(node) ?? node.podPrefixes]);
  return {
    record: { held: new Map(holding.filter(([, prefixes]) => prefixes.length > 0)), resting: [...resting.values()] },
    assignments: [...given].map(([node, prefixes]) => ({ node, prefixes })),
    conflicts: findPrefixConflicts([...foreignClaims(input), ...nodes.flatMap(podClaims)]),
    exhausted,
    ...(Number.isFinite(deadline) ? { deadline } : {}),
  };
}

/** What rests, by node: from before, and of nodes that have gone since the record was written. */
function stillResting({ nodes, record, now, quarantine }: PrefixPlanInput): Map<string, RestingPrefixes> {
  const resting = new Map<string, RestingPrefixes>();
  for (const entry of record.resting) if (entry.until > now) resting.set(entry.node, entry);
  const present = new Map(nodes.map((node) => [node.name, node]));
  for (const [name, held] of record.held) {
    const node = present.get(name);
    // A node made anew under its old name may have got another prefix from elsewhere: the old one rests too.
    const left = node === undefined ? held : node.podPrefixes.length === 0 ? [] : without(held, node.podPrefixes);
    const before = resting.get(name)?.prefixes ?? [];
    if (left.length > 0)
      resting.set(name, { node: name, prefixes: [...without(before, left), ...left], until: now + quarantine });
  }
  return resting;
}

/** Holds exactly these prefixes for a node, if they are what it would be given today and all are free. */
function takeAgain(allocator: PrefixAllocator, node: PrefixNode, prefixes: readonly Prefix[]): boolean {
  const families = prefixes.map(({ address }) => address.family);
  const fits =
    families.length === allocator.families.length && allocator.families.every((family) => families.includes(family));
  if (!fits || !prefixes.every((prefix) => allocator.isFree(prefix))) return false;
  allocator.hold(`node/${node.name}`, prefixes);
  return true;
}

/** What hosts and services use that no node may be given. */
function foreignClaims({ configuration, nodes }: PrefixPlanInput): readonly PrefixClaim[] {
  const services = configuration.servicePrefixes.map((prefix) => ({
    prefix,
    description: `the service range ${formatPrefix(prefix)}`,
  }));
  const hosts = nodes.flatMap(({ name, addresses, foreign = [] }) => [
    ...addresses.map((address) => ({
      prefix: hostPrefix(address),
      description: `the InternalIP ${formatAddress(address)} of ${name}`,
    })),
    ...foreign.map(({ prefix, source }) => ({ prefix, description: `${source} of ${name} (${formatPrefix(prefix)})` })),
  ]);
  return [...services, ...hosts];
}

function podClaims({ name, podPrefixes }: PrefixNode): readonly PrefixClaim[] {
  return podPrefixes.map((prefix) => ({
    prefix,
    podsOf: name,
    description: `the pod prefix ${formatPrefix(prefix)} of ${name}`,
  }));
}

function without(prefixes: readonly Prefix[], others: readonly Prefix[]): readonly Prefix[] {
  return prefixes.filter((prefix) => !others.some((other) => samePrefix(prefix, other)));
}

function compareTexts(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
