import { formatAddress } from '../address/address.ts';
import { formatPrefix } from '../address/prefix.ts';
import { describeError } from '../error/flatnet-error.ts';
import type { ControllerLog } from './controller-log.ts';
import type { FabricDriver, FabricRoute } from './fabric-driver.ts';
import { planFabricRoutes } from './plan-fabric-routes.ts';
import type { PrefixNode } from './prefix-node.ts';

/** Of each node with pod prefixes: whether the fabric leads there, or why not. */
export type FabricOutcome = ReadonlyMap<string, { readonly error?: string }>;

/**
 * Brings the fabric's routes in line with the nodes. One route that fails doesn't hold up the others.
 * @throws what the driver's `list` throws
 */
export async function applyFabricRoutes(
  driver: FabricDriver,
  nodes: readonly PrefixNode[],
  log: ControllerLog,
  signal: AbortSignal,
): Promise<FabricOutcome> {
  const plan = planFabricRoutes(nodes, await driver.list(signal));
  const outcome = new Map<string, { readonly error?: string }>(
    nodes.filter(({ podPrefixes }) => podPrefixes.length > 0).map(({ name }) => [name, {}]),
  );
  for (const { name, podPrefixes } of nodes)
    if (podPrefixes.some((prefix) => !plan.desired.some((route) => route.node === name && route.prefix === prefix)))
      outcome.set(name, { error: 'the node has no InternalIP of the family of one of its pod prefixes' });
  const attempt = async (verb: 'put' | 'remove', route: FabricRoute) => {
    const fields = { route: route.name, prefix: formatPrefix(route.prefix), nextHop: formatAddress(route.nextHop) };
    try {
      await driver[verb](route, signal);
      log.info(fields, verb === 'put' ? 'made a route in the fabric' : 'removed a route from the fabric');
    } catch (error) {
      signal.throwIfAborted();
      log.error({ ...fields, error: describeError(error) }, `cannot ${verb} a route of the fabric`);
      if (outcome.has(route.node)) outcome.set(route.node, { error: describeError(error) });
    }
  };
  for (const route of plan.stale) await attempt('remove', route);
  for (const route of plan.missing) await attempt('put', route);
  return outcome;
}
