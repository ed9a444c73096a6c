import { isDeepStrictEqual } from 'node:util';
import type { Address } from '../address/address.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';
import type { Attachment } from '../cni/attachment.ts';
import { KeyedQueue } from '../cni/keyed-queue.ts';
import type { Change } from '../host/change.ts';
import { diffNetworks } from '../host/network-diff.ts';
import type { NetworkState } from '../host/network-state.ts';
import { type ObservedNetwork, ownedOf } from '../host/owned-network.ts';
import { EMPTY_NETWORK, type OwnedState } from '../host/owned-state.ts';
import { forwardingText } from '../host/row-text.ts';
import { diffStates, type ObservedState } from '../host/state-diff.ts';
import { type ChangeResult, failureOf } from '../kernel/change-applier.ts';
import { TurnBudget } from '../kube/turn-budget.ts';
import { type Conflict, findConflicts } from '../plan/conflict.ts';
import type { Finding } from '../plan/finding.ts';
import { detectForwardDrop } from '../plan/forward-drop.ts';
import type { HostFacts } from '../plan/host-facts.ts';
import type { NodePlan } from '../plan/node-plan.ts';
import type { NodeSettings } from '../plan/node-settings.ts';
import { type PeerDirectory, peerDirectory } from '../plan/peer-directory.ts';
import { planAnnotations, planNode } from '../plan/plan-node.ts';
import { renderNode } from '../render/node.ts';
import { diffPod, guardTable } from '../render/pod.ts';
import type { AgentConfiguration } from './agent-configuration.ts';
import type { PlannedRows } from './change-watch.ts';
import { nodeSettingsOf } from './configured-settings.ts';
import { hostFactsOf } from './host-facts.ts';
import type { HostKernel } from './host-kernel.ts';
import { breachFindings, type PlanBreach, PlanProof } from './plan-proof.ts';
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
  /** The rules that the plan breaks, where it was asked for. */
  readonly breaches?: readonly PlanBreach[];
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

/** The host's kernel, as it is or as it was left. */
interface Sight {
  readonly facts: HostFacts;
  readonly observe: (desired: OwnedState) => ObservedState;
}

/** How the kernel was left, and the addresses of the node that its facts went by. */
interface Left {
  readonly addresses: readonly Address[];
  readonly sight: Sight;
}

const KERNEL = 'kernel';

/**
 * Brings the host's kernel to what is planned: whole, by comparing everything, or one pod at a time with the same
 * comparison. Only one of these is under way at a time.
 */
export class NodeReconciler {
  readonly #options: NodeReconcilerOptions;
  readonly #queue = new KeyedQueue();
  readonly #proof = new PlanProof();
  /** Host links of pods whose own change waits for its turn: a reconciliation before it leaves them to it. */
  readonly #awaited = new Set<string>();
  #plan: NodePlan | undefined;
  #planned: PlannedRows = { links: new Set(), forwarding: new Set() };
  /** What the kernel has been brought to, or was found as, as long as nothing else is known to have changed it. */
  #left: Left | undefined;

  constructor(options: NodeReconcilerOptions) {
    this.#options = options;
  }

  /** The plan that was last carried out; absent as long as none could be made. */
  get plan(): NodePlan | undefined {
    return this.#plan;
  }

  /** Rows of the last plan. */
  get planned(): PlannedRows {
    return this.#planned;
  }

  /**
   * @param isUndisturbed nothing but ourselves is known to have changed the kernel since the last time: it is taken to be
   *   as it was left, without a look
   */
  reconcile(isUndisturbed = false): Promise<Reconciliation> {
    return this.#queue.run(KERNEL, () => this.#reconcile(isUndisturbed));
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
      this.#left = undefined;
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
      this.#left = undefined;
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
      const desired = renderNode({ ...this.#plan, attachments: this.#options.attachments() });
      const changes = diffStates(this.#observe(this.#options.kernel.readHost(), desired), desired);
      return changes.flatMap(({ namespace, changes: steps }) =>
        namespace === attachment.namespacePath ? steps : steps.filter((step) => concernsPod(step, attachment)),
      );
    });
  }

  /**
   * In as many turns as the number of peers asks for: what changes meanwhile asks for the next time, and pods wait in the
   * queue. They are taken in at the same instant as the kernel.
   */
  async #reconcile(isUndisturbed: boolean): Promise<Reconciliation> {
    const { kernel, node, configuration, cluster } = this.#options;
    const budget = new TurnBudget();
    const state = cluster();
    const own = state.nodes.get(node);
    const addresses = own?.addresses ?? [];
    const directory = peerDirectory(state);
    await budget.rest();
    const attachments = this.#options.attachments().filter(({ hostLink }) => !this.#awaited.has(hostLink));
    const sight = (isUndisturbed && this.#recall(addresses)) || this.#look(addresses);
    const { facts, observe } = sight;
    // Until something is applied; a node waits for its prefix while it hears of all others.
    this.#left = { addresses, sight };
    const input = {
      node,
      directory,
      configuration: configuration.cluster,
      facts,
      settings: nodeSettingsOf(configuration, this.#options.masquerade()),
    };
    await budget.rest();
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

    const whole = { ...input, attachments };
    const planning = planNode(whole);
    const { plan } = planning;
    if (plan === undefined) return { findings: planning.findings, conflicts, ...annotations, results: [] };
    const { verifyPlans } = configuration;
    const breaches =
      verifyPlans === 'off'
        ? undefined
        : await this.#proof.breaches({ ...whole, directory: announcedDirectory(state, node, annotations) }, plan);
    const severity = verifyPlans === 'enforce' ? 'refusal' : 'warning';
    const findings = [...planning.findings, ...breachFindings(breaches ?? [], severity)];
    const proved = breaches === undefined ? {} : { breaches };
    // what is in force stays, and pods that come are still wired by it
    if (verifyPlans === 'enforce' && breaches !== undefined && breaches.length > 0)
      return { findings, conflicts, ...annotations, results: [], ...proved };
    await budget.rest();
    const desired = renderNode(plan);
    await budget.rest();
    const observed = observe(desired);
    await budget.rest();
    const changes = diffStates(observed, desired);
    await budget.rest();
    this.#planned = {
      links: new Set(desired.host.links.map(({ name }) => name)),
      forwarding: new Set(desired.host.forwarding.map(forwardingText)),
    };
    this.#left = undefined;
    const results = await kernel.apply(changes);
    this.#plan = plan;
    if (failureOf('apply plan', results) === undefined)
      this.#left = { addresses, sight: { facts, observe: () => desired } };
    const served = (await this.#options.services?.reconcile(facts, directory)) ?? [];
    return { plan, findings, conflicts, ...annotations, results: [...results, ...served], ...proved };
  }

  /** The kernel as it was left; undefined where pods have come or gone since. */
  #recall(addresses: readonly Address[]): Sight | undefined {
    const left = this.#left;
    if (left === undefined || !isDeepStrictEqual(left.addresses, addresses)) return undefined;
    return left.sight;
  }

  /** The kernel as it is. */
  #look(addresses: readonly Address[]): Sight {
    const { kernel } = this.#options;
    const host = kernel.readHost();
    return {
      facts: hostFactsOf(host, addresses, detectForwardDrop(host.ruleset, kernel.readLegacyForward())),
      observe: (desired) => this.#observe(host, desired),
    };
  }

  #observe(host: NetworkState, desired: OwnedState): ObservedState {
    const { kernel } = this.#options;
    return {
      host: kernel.observeHost(host, desired.host),
      pods: new Map(Array.from(desired.pods, ([path, pod]) => [path, kernel.observePod(path, pod)])),
    };
  }
}

/** The nodes as they are once this one has said of itself what it is about to say. */
function announcedDirectory(
  { nodes }: ClusterState,
  name: string,
  { annotations }: Pick<Reconciliation, 'annotations'>,
): PeerDirectory {
  const own = nodes.get(name);
  if (own === undefined || annotations === undefined) return peerDirectory({ nodes });
  const after = { ...own, annotations: { ...own.annotations, ...annotations } };
  return peerDirectory({ nodes: new Map(nodes).set(name, after) });
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
