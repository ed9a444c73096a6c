import type { ClusterState } from '../cluster/cluster-state.ts';
import type { Attachment } from '../cni/attachment.ts';
import { KeyedQueue } from '../cni/keyed-queue.ts';
import type { Change, NamespaceChanges } from '../host/change.ts';
import { diffNetworks } from '../host/network-diff.ts';
import { type ObservedNetwork, ownedOf } from '../host/owned-network.ts';
import { EMPTY_NETWORK } from '../host/owned-state.ts';
import { diffStates } from '../host/state-diff.ts';
import { type ChangeResult, failureOf } from '../kernel/change-applier.ts';
import { type Conflict, findConflicts } from '../plan/conflict.ts';
import type { Finding } from '../plan/finding.ts';
import { detectForwardDrop } from '../plan/forward-drop.ts';
import type { NodePlan } from '../plan/node-plan.ts';
import type { NodeSettings } from '../plan/node-settings.ts';
import { peerDirectory } from '../plan/peer-directory.ts';
import { planAnnotations, planNode } from '../plan/plan-node.ts';
import { renderNode } from '../render/node.ts';
import { diffPod, guardTable } from '../render/pod.ts';
import type { AgentConfiguration } from './agent-configuration.ts';
import { hostFactsOf } from './host-facts.ts';
import type { HostKernel } from './host-kernel.ts';
import { concernsPod } from './pod-change.ts';
import type { ServiceReconciler } from './service-reconciler.ts';

/** What one reconciliation found and did. */
export interface Reconciliation {
  /** Absent where a finding or a conflict refuses it: then nothing was changed. */
  readonly plan?: NodePlan;
  readonly findings: readonly Finding[];
  readonly conflicts: readonly Conflict[];
  /** What this node should say of itself on its Node object. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly results: readonly ChangeResult[];
}

export interface NodeReconcilerOptions {
  readonly kernel: HostKernel;
  readonly node: string;
  readonly configuration: AgentConfiguration;
  readonly cluster: () => ClusterState;
  readonly attachments: () => readonly Attachment[];
  /** Absent where services are somebody else's. */
  readonly services?: Pick<ServiceReconciler, 'reconcile' | 'change' | 'changeAttachment' | 'changeAttachments'>;
  /** As configured at the moment; a file may change it. */
  readonly masquerade: () => NodeSettings['masquerade'];
}

const KERNEL = 'kernel';

/**
 * Brings the host's kernel to what is planned: whole, by comparing everything, or one pod at a time with the same
 * comparison. Only one of these is under way at a time.
 */
export class NodeReconciler {
  readonly #options: NodeReconcilerOptions;
  readonly #queue = new KeyedQueue();
  /** Host links of pods whose own change waits for its turn: a reconciliation before it leaves them to it. */
  readonly #awaited = new Set<string>();
  #plan: NodePlan | undefined;

  constructor(options: NodeReconcilerOptions) {
    this.#options = options;
  }

  /** The plan that was last carried out; absent as long as none could be made. */
  get plan(): NodePlan | undefined {
    return this.#plan;
  }

  reconcile(): Promise<Reconciliation> {
    return this.#queue.run(KERNEL, () => this.#reconcile());
  }

  /**
   * Wires, rewires or unwires one pod, at a cost that doesn't grow with the node or the cluster.
   * @throws FlatnetError `unavailable` before the node has a plan; the first change that failed
   */
  changePod(before: Attachment | undefined, after: Attachment | undefined): Promise<void> {
    const hostLink = (after ?? before)?.hostLink ?? '';
    this.#awaited.add(hostLink);
    return this.#queue.run(KERNEL, async () => {
      this.#awaited.delete(hostLink);
      const plan = this.#plan ?? { addresses: [], podPrefixes: [] };
      const changes = diffPod(before, after, plan);
      const failure = failureOf('wire pod', await this.#options.kernel.apply(changes));
      if (failure !== undefined) throw failure;
      await this.#options.services?.changeAttachment(before, after);
    });
  }

  /** Carries out what has changed in services alone, at a cost that doesn't grow with their number. @throws FlatnetError */
  changeServices(): Promise<void> {
    return this.#queue.run(KERNEL, async () => {
      await this.#options.services?.change();
    });
  }

  /** Removes what is the host's of a pod of which only the host link is known. */
  removePod(hostLink: string): Promise<void> {
    return this.#queue.run(KERNEL, async () => {
      const { kernel } = this.#options;
      const current = partOfLink(ownedOf(kernel.readHost()), hostLink);
      const changes = diffNetworks(current, { ...EMPTY_NETWORK, tables: [guardTable([])] });
      const failure = failureOf('unwire pod', await kernel.apply([{ changes }]));
      if (failure !== undefined) throw failure;
      await this.#options.services?.changeAttachments();
    });
  }

  /** The steps that one pod still needs to be as planned; none where all is well. */
  inspectPod(attachment: Attachment): Promise<readonly Change[]> {
    return this.#queue.run(KERNEL, async () => {
      if (this.#plan === undefined) return [];
      const changes = this.#compare({ ...this.#plan, attachments: this.#options.attachments() });
      return changes.flatMap(({ namespace, changes: steps }) =>
        namespace === attachment.namespacePath ? steps : steps.filter((step) => concernsPod(step, attachment)),
      );
    });
  }

  async #reconcile(): Promise<Reconciliation> {
    const { kernel, node, configuration, cluster, attachments } = this.#options;
    const state = cluster();
    const host = kernel.readHost();
    const own = state.nodes.get(node);
    const forwardDrop = detectForwardDrop(host.ruleset, kernel.readLegacyForward());
    const facts = hostFactsOf(host, own?.addresses ?? [], forwardDrop);
    const input = {
      node,
      directory: peerDirectory(state),
      configuration: configuration.cluster,
      facts,
      settings: this.#settings(),
    };
    const announced = planAnnotations(input);
    const annotations = announced.plan === undefined ? {} : { annotations: announced.plan };
    const conflicts = findConflicts(
      configuration.cluster,
      facts,
      own?.podPrefixes ?? [],
      configuration.acceptedProtocols,
    );
    // What is planned already stays in force: a conflict that comes later must not take the network from running pods.
    if (conflicts.length > 0 && this.#plan === undefined)
      return { findings: announced.findings, conflicts, ...annotations, results: [] };

    const { plan, findings } = planNode({
      ...input,
      attachments: attachments().filter(({ hostLink }) => !this.#awaited.has(hostLink)),
    });
    if (plan === undefined) return { findings, conflicts, ...annotations, results: [] };
    const results = await kernel.apply(this.#compare(plan, host));
    this.#plan = plan;
    const served = (await this.#options.services?.reconcile(facts, input.directory)) ?? [];
    return { plan, findings, conflicts, ...annotations, results: [...results, ...served] };
  }

  #compare(plan: NodePlan, host = this.#options.kernel.readHost()): readonly NamespaceChanges[] {
    const { kernel } = this.#options;
    const desired = renderNode(plan);
    return diffStates(
      {
        host: kernel.observeHost(host, desired.host),
        pods: new Map(Array.from(desired.pods, ([path, pod]) => [path, kernel.observePod(path, pod)])),
      },
      desired,
    );
  }

  #settings(): NodeSettings {
    const { wiring, mtu, allowForward, acceptedProtocols, flannelDirectRouting } = this.#options.configuration;
    const masquerade = this.#options.masquerade();
    return {
      wiring,
      allowForward,
      flannelDirectRouting,
      acceptedProtocols,
      ...(mtu !== undefined && { mtu }),
      ...(masquerade !== undefined && { masquerade }),
    };
  }
}

/** The rows that hang on one link of a pod. */
function partOfLink(network: ObservedNetwork, hostLink: string): ObservedNetwork {
  const guard = network.tables.flatMap(({ family, chains }) => (family === 'netdev' ? chains : []));
  return {
    ...EMPTY_NETWORK,
    links: network.links.filter(({ name }) => name === hostLink),
    routes: network.routes.filter(({ nextHops }) => nextHops.some(({ device }) => device === hostLink)),
    neighbours: network.neighbours.filter(({ device }) => device === hostLink),
    tables: [guardTable(guard.filter(({ name }) => name === hostLink))],
  };
}
