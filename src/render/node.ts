import type { Family } from '../address/family.ts';
import { EMPTY_NETWORK, type OwnedNetwork, type OwnedState } from '../host/owned-state.ts';
import type { NodePlan, PeerPath } from '../plan/node-plan.ts';
import { renderBridge } from './bridge.ts';
import { renderForward } from './forward.ts';
import { renderMasquerade } from './masquerade.ts';
import { mergeNetworks } from './network-merge.ts';
import { renderSysctls } from './node-sysctl.ts';
import { renderOverlay } from './overlay-link.ts';
import { unreachableRoute } from './own-route.ts';
import { podTableRules, renderPath } from './peer-path.ts';
import { guardTable, renderPod } from './pod.ts';
import { SHARED_GUARD_CHAINS } from './spoofing-guard.ts';

/** All that must be ours on a node: what the node has by itself, its paths to its peers, and each of its pods. */
export function renderNode(plan: NodePlan): OwnedState {
  const paths = plan.paths.map(renderPath);
  const { host, pods } = renderOutline(plan, tunnelledFamilies(plan.paths));
  return {
    host: mergeNetworks([
      host,
      {
        ...EMPTY_NETWORK,
        routes: paths.flatMap(({ routes }) => routes),
        neighbours: paths.flatMap(({ neighbours }) => neighbours),
        forwarding: paths.flatMap(({ forwarding }) => forwarding),
      },
    ]),
    pods,
  };
}

function tunnelledFamilies(paths: readonly PeerPath[]): ReadonlySet<Family> {
  return new Set(paths.flatMap(({ family, path }) => (path.kind === 'tunnel' ? [family] : [])));
}

/**
 * As renderNode, but for the rows of paths.
 * @param tunnelled the families in which a peer is, or may be, reached by a tunnel
 */
export function renderOutline(plan: Omit<NodePlan, 'paths'>, tunnelled: ReadonlySet<Family>): OwnedState {
  const rendered = plan.attachments.map((attachment) => ({ attachment, ...renderPod(attachment, plan) }));
  const byNamespace = Map.groupBy(rendered, ({ attachment }) => attachment.namespacePath);
  return {
    host: mergeNetworks([renderHost(plan, tunnelled), ...rendered.map(({ host }) => host)]),
    pods: new Map(
      Array.from(byNamespace, ([path, interfaces]) => [path, mergeNetworks(interfaces.map(({ pod }) => pod))]),
    ),
  };
}

/** What a node has whatever pods and peers it has. */
function renderHost(plan: Omit<NodePlan, 'paths'>, tunnelled: ReadonlySet<Family>): OwnedNetwork {
  const bridged = plan.wiring === 'bridge' || plan.attachments.some(({ wiring }) => wiring === 'bridge');
  const insertions = renderForward(plan);
  return mergeNetworks([
    {
      ...EMPTY_NETWORK,
      // on a bridge the route to the whole prefix stands in its place
      routes: bridged ? [] : plan.podPrefixes.map(unreachableRoute),
      rules: podTableRules(plan.podPrefixes, tunnelled),
      sysctls: renderSysctls(plan, bridged),
      tables: [guardTable(SHARED_GUARD_CHAINS), ...renderMasquerade(plan.masquerade)],
      ...(insertions.length > 0 && { insertions }),
    },
    ...plan.overlays.map(renderOverlay),
    ...(bridged ? [renderBridge(plan)] : []),
  ]);
}
