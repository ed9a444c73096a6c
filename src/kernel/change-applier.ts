import { FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import type { Change, NamespaceChanges } from '../host/change.ts';
import type { TableChange } from '../netfilter/table-change.ts';
import type { OtherEnd } from './link-maker.ts';
import type { LinkReaper } from './link-reaper.ts';
import { NamespaceApplier, type NamespaceApplierContext } from './namespace-applier.ts';
import { NetlinkSocket } from './netlink/netlink-socket.ts';
import { NetworkNamespace } from './network-namespace.ts';
import type { DecodedLink } from './rtnetlink/link.ts';

/** What became of one change. */
export interface ChangeResult {
  readonly change: Change;
  /** Path of the pod's namespace that it was for; absent for the host's own. */
  readonly namespace?: string;
  readonly error?: FlatnetError;
}

/** What changes are applied with. */
export interface ChangeContext {
  /** A route socket in the host's own namespace. */
  readonly socket: NetlinkSocket;
  /** The host's own namespace, where the thread isn't in it. */
  readonly namespace?: NetworkNamespace;
  /** Removes the host's links in the background. */
  readonly reaper: LinkReaper;
  /** Applies one nf_tables transaction; in a pod's namespace where one is given. */
  readonly applyTables: (changes: readonly TableChange[], namespace?: NetworkNamespace) => void | Promise<void>;
}

/**
 * Applies changes in their order and goes on after an error: each change has a result of its own, and one which names a
 * link that could not be made fails with it. Putting what is there succeeds, and so does removing what isn't. A veth pair
 * is removed in the background; any other link is gone when its change is done.
 */
export async function applyChanges(
  changes: readonly NamespaceChanges[],
  context: ChangeContext,
): Promise<readonly ChangeResult[]> {
  const results: ChangeResult[] = [];
  const made = new Map<string, DecodedLink>();
  const keyOf = (namespace: string, name: string) => `${namespace} ${name}`;
  const onOtherEnd = ({ namespace, decoded }: OtherEnd) => made.set(keyOf(namespace, decoded.link.name), decoded);
  for (const { namespace, changes: steps } of changes) {
    const errors =
      namespace === undefined
        ? await new NamespaceApplier({ ...context, onOtherEnd }).apply(steps)
        : await applyInPod(namespace, steps, {
            applyTables: context.applyTables,
            findMade: (name) => made.get(keyOf(namespace, name)),
          });
    for (const [index, change] of steps.entries()) {
      const error = errors.get(index);
      results.push({ change, ...(namespace !== undefined && { namespace }), ...(error !== undefined && { error }) });
    }
  }
  return results;
}

/** The errors by the index of their change; where the namespace is gone, what was to be removed from it is gone too. */
async function applyInPod(
  path: string,
  steps: readonly Change[],
  { applyTables, findMade }: Required<Pick<NamespaceApplierContext, 'applyTables' | 'findMade'>>,
): Promise<ReadonlyMap<number, FlatnetError>> {
  try {
    using namespace = NetworkNamespace.open(path);
    using socket = NetlinkSocket.open('route', { namespace });
    return await new NamespaceApplier({ socket, namespace, applyTables, findMade }).apply(steps);
  } catch (error) {
    if (!isFlatnetError(error)) throw error;
    const isDone = ({ kind }: Change) => error.code === 'not-found' && kind.startsWith('remove-');
    return new Map(steps.flatMap((change, index) => (isDone(change) ? [] : [[index, error]])));
  }
}

/** The results that failed, as one error; undefined where none did. */
export function failureOf(operation: string, results: readonly ChangeResult[]): FlatnetError | undefined {
  const errors = results.flatMap(({ error }) => error ?? []);
  const [first] = errors;
  if (first === undefined) return undefined;
  const others = errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`;
  return new FlatnetError({
    operation,
    code: first.code,
    message: `${first.message}${others}`,
    ...(first.remedy !== undefined && { remedy: first.remedy }),
    ...(first.errno !== undefined && { errno: first.errno }),
    cause: errors.length === 1 ? first : new AggregateError(errors),
  });
}
