import { uptime } from 'node:os';
import path from 'node:path';
import { AttachmentLifecycle } from '../cni/attachment-lifecycle.ts';
import { AttachmentStore } from '../cni/attachment-store.ts';
import { readBootIdentity } from '../cni/boot-identity.ts';
import { describeError } from '../error/flatnet-error.ts';
import { AddressStore } from '../ipam/address-store.ts';
import { failureOf } from '../kernel/change-applier.ts';
import type { Clock } from '../kube/clock.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { AgentConfiguration } from './agent-configuration.ts';
import type { AgentLogger } from './agent-logger.ts';
import { AgentPodNetwork } from './agent-pod-network.ts';
import { watchChanges } from './change-watch.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { serveCni } from './cni-endpoint.ts';
import { FindingReporter } from './finding-reporter.ts';
import { startHealthServer } from './health-server.ts';
import { HostKernel } from './host-kernel.ts';
import { dropServiceRules, IptablesServiceReconciler } from './iptables-service-reconciler.ts';
import { MasqueradeFile } from './masquerade-file.ts';
import { MemoryTrimmer } from './memory-trimmer.ts';
import { AgentMetrics } from './metrics.ts';
import { NETWORK_NAME, publishNetwork } from './network-publication.ts';
import { NodeAnnouncer } from './node-announcer.ts';
import { NodeReconciler, type Reconciliation } from './node-reconciler.ts';
import { findPod } from './pod-lookup.ts';
import { Readiness } from './readiness.ts';
import { ReconcileLoop } from './reconcile-loop.ts';
import { RememberedNodes } from './remembered-nodes.ts';
import { ServiceHealthServers } from './service-health.ts';
import { dropServiceTables, ServiceReconciler } from './service-reconciler.ts';
import { watchTables } from './table-watch.ts';

export interface AgentOptions {
  readonly configuration: AgentConfiguration;
  /** Name of this host's Node object. */
  readonly node: string;
  readonly client: KubeClient;
  readonly log: AgentLogger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Milliseconds that changes are gathered for before a reconciliation. */
const GATHER = 50;
/** Milliseconds at least from one reconciliation to the next; what changes is followed within a second. */
const SPACING = 800;
/** Reconciliations that may follow each other sooner: an agent hears of itself, its peers and the services one by one. */
const BURST = 3;
/** The same for changes of services, of which a roll-out makes many at once. */
const SERVICE_GATHER = 1;
/** Changes of services cause themselves; the rest is the reconciliation's. */
const SERVICE_RESYNC = 3_600_000;
/** Milliseconds before the first retry of a reconciliation that failed. */
const FIRST_RETRY = 500;
/** Reasons for a reconciliation that say nothing of the kernel. */
const CLUSTER_CHANGES: ReadonlySet<string> = new Set(['nodes', 'pods', 'services', 'masquerade']);
/** A reconciliation that takes longer than this many milliseconds is stuck. */
const STALL = 120_000;
/** Milliseconds without a word from the API after which it counts as away; it sends a bookmark a minute. */
const API_SILENCE = 90_000;

/**
 * Runs the node's agent until the signal aborts: follows the cluster, keeps the kernel as planned, and answers CNI. What
 * it made stays in the kernel when it ends, so that traffic flows on without it.
 * @throws FlatnetError where the host lacks what the agent cannot do without
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { clock, signal, log } = options;
  await using kernel = await HostKernel.open((error) => log.warn({}, describeError(error)));
  await kernel.claimTables(clock, signal, (owner) => log.info({ owner }, 'waiting for the former agent to end'));
  if (options.configuration.serviceMode !== 'iptables') await dropServiceRules(kernel, log);
  if (options.configuration.serviceMode === 'off') await dropServiceTables(kernel);
  await new Agent(options, kernel).run();
}

/** The agent's parts, wired; see runAgent. */
class Agent {
  readonly #options: AgentOptions;
  readonly #kernel: HostKernel;
  readonly #metrics = new AgentMetrics();
  readonly #readiness: Readiness;
  readonly #reporter: FindingReporter;
  readonly #remembered: RememberedNodes;
  readonly #attachments: AttachmentStore;
  readonly #addresses: AddressStore;
  readonly #masquerade: MasqueradeFile;
  readonly #cluster: ClusterWatch;
  readonly #reconciler: NodeReconciler;
  readonly #services: ServiceReconciler | IptablesServiceReconciler;
  readonly #serviceHealth: ServiceHealthServers;
  readonly #announcer: NodeAnnouncer;
  readonly #network: AgentPodNetwork;
  readonly #lifecycle: AttachmentLifecycle;
  readonly #memory: MemoryTrimmer;
  readonly #loop: ReconcileLoop;
  readonly #serviceLoop: ReconcileLoop;
  /** When a reconciliation last ended, in milliseconds since the epoch. */
  #progressAt: number;

  constructor(options: AgentOptions, kernel: HostKernel) {
    const { configuration, node, client, log, clock, signal } = options;
    this.#options = options;
    this.#kernel = kernel;
    this.#progressAt = clock.now();
    const common = { client, node, clock, signal, onError: (error: unknown) => this.#warn(error) };

    this.#readiness = new Readiness(['kernel', 'plan', 'ranges', 'forwarding', 'masquerade'], (condition) => {
      const { name, state, message } = condition;
      this.#metrics.showCondition(name, state);
      log[state === 'ok' ? 'info' : 'warn']({ condition: name, state }, message === '' ? `${name} ok` : message);
    });
    const events = new EventRecorder({ ...common, component: 'flatnet-agent', host: node });
    this.#reporter = new FindingReporter({ node, readiness: this.#readiness, events, log, clock });
    this.#remembered = new RememberedNodes(path.join(configuration.stateDirectory, 'nodes.json'));
    this.#attachments = AttachmentStore.open(path.join(configuration.stateDirectory, 'attachments'));
    for (const { file, why } of this.#attachments.unreadable)
      log.error({ file }, `an attachment was set aside: ${why}`);
    this.#addresses = new AddressStore({ directory: path.join(configuration.addressDirectory, NETWORK_NAME) });

    const onChange = (what: string) => this.#loop.trigger(what);
    this.#masquerade = new MasqueradeFile({
      configuration: configuration.masquerade,
      readiness: this.#readiness,
      onChange: () => onChange('masquerade'),
      clock,
      signal,
    });
    this.#memory = new MemoryTrimmer({ clock, signal });
    const onServiceChange = () => this.#serviceLoop.trigger('services');
    this.#cluster = new ClusterWatch({ ...common, remembered: this.#recall(), onChange, onServiceChange });
    const Services = configuration.serviceMode === 'iptables' ? IptablesServiceReconciler : ServiceReconciler;
    this.#services = new Services({
      kernel,
      node,
      configuration,
      cluster: this.#cluster,
      attachments: () => this.#attached(),
      onLoad: () => this.#memory.expectLeftovers(),
      onPlanned: (services) => this.#serviceHealth.follow(services),
    });
    this.#serviceHealth = new ServiceHealthServers((error) => this.#warn(error));
    this.#reconciler = new NodeReconciler({
      kernel,
      node,
      configuration,
      cluster: () => this.#cluster.state,
      attachments: () => this.#attached(),
      ...(configuration.serviceMode !== 'off' && { services: this.#services }),
      masquerade: () => this.#masquerade.settings,
    });
    this.#announcer = new NodeAnnouncer({ ...common, fabricRoutes: configuration.cluster.backend === 'cloud' });
    this.#network = new AgentPodNetwork({
      kernel,
      reconciler: this.#reconciler,
      readiness: this.#readiness,
      findPod: (namespace, name) => findPod({ client, cluster: this.#cluster, signal }, namespace, name),
      onChange: () => this.#metrics.attachments.set(this.#attached().length),
    });
    this.#lifecycle = new AttachmentLifecycle({
      network: this.#network,
      addresses: this.#addresses,
      attachments: this.#attachments,
      boot: readBootIdentity(configuration.runDirectory),
      bootedAt: clock.now() - uptime() * 1000,
    });
    this.#loop = new ReconcileLoop({
      reconcile: (reasons) => this.#reconcile(reasons),
      onError: (error) => {
        this.#metrics.reconcileErrors.inc();
        this.#readiness.set('kernel', 'failed', describeError(error));
      },
      gather: GATHER,
      spacing: SPACING,
      burst: BURST,
      resync: configuration.resyncInterval * 1000,
      retry: FIRST_RETRY,
      clock,
      signal,
    });
    this.#serviceLoop = new ReconcileLoop({
      reconcile: () => this.#changeServices(),
      onError: (error) => {
        this.#warn(error);
        onChange('services');
      },
      gather: SERVICE_GATHER,
      spacing: 0,
      burst: 0,
      resync: SERVICE_RESYNC,
      retry: FIRST_RETRY,
      clock,
      signal,
    });
  }

  async run(): Promise<void> {
    const { configuration, signal, log, node } = this.#options;
    await using _cni = await serveCni({
      configuration,
      network: this.#network,
      addresses: this.#addresses,
      lifecycle: this.#lifecycle,
      metrics: this.#metrics,
      log,
    });
    await startHealthServer({
      ...configuration.metrics,
      readiness: this.#readiness,
      stalled: () => this.#stalled(),
      metrics: () => this.#exposeMetrics(),
      signal,
    });
    using _changes = watchChanges({
      ports: this.#kernel.ports,
      attachments: () => this.#attached(),
      planned: () => this.#reconciler.planned,
      onChange: (what) => this.#loop.trigger(what),
      onError: (error) => this.#warn(error),
    });
    log.info({ node }, 'agent runs');
    const onChange = () => {
      this.#services.distrust();
      this.#loop.trigger('tables');
    };
    const tables = watchTables({ kernel: this.#kernel, onChange, clock: this.#options.clock, signal });
    using _health = this.#serviceHealth;
    const loops = [this.#loop.run(), this.#serviceLoop.run()];
    await Promise.all([...loops, this.#masquerade.watch(), this.#cluster.finished(), tables, this.#memory.run()]);
    await this.#announcer.settled();
  }

  async #reconcile(reasons: readonly string[]): Promise<void> {
    const started = performance.now();
    for (const failure of (await this.#lifecycle.reclaim()).failures) this.#warn(failure);
    const outcome = await this.#reconciler.reconcile(reasons.every((reason) => CLUSTER_CHANGES.has(reason)));
    this.#progressAt = this.#options.clock.now();
    this.#metrics.reconcileDuration.observe((performance.now() - started) / 1000);
    const { length } = outcome.results;
    if (length > 0) {
      this.#options.log.info({ reasons, changes: length }, 'brought the kernel to the plan');
      this.#memory.putOff();
    }
    this.#conclude(outcome);
  }

  async #changeServices(): Promise<void> {
    const started = performance.now();
    await this.#reconciler.changeServices();
    this.#memory.putOff();
    this.#metrics.serviceDuration.observe((performance.now() - started) / 1000);
  }

  /** Says what came of a reconciliation wherever it must be known. @throws FlatnetError where a change failed */
  #conclude({ plan, findings, conflicts, annotations = {}, results, breaches }: Reconciliation): void {
    const { state, synced, findings: unusable } = this.#cluster;
    for (const { change } of results) this.#metrics.changes.inc({ kind: change.kind });
    if (synced) this.#remembered.write(state.nodes.values());
    this.#reporter.report(findings, conflicts, unusable);
    if (breaches !== undefined) this.#metrics.showBreaches(breaches.map(({ rule }) => rule));
    const failure = failureOf('apply plan', results);
    if (failure === undefined && plan !== undefined) this.#readiness.set('kernel', 'ok');
    const available = failure === undefined && plan !== undefined && this.#readiness.ready;
    const self = state.nodes.get(this.#options.node);
    if (self !== undefined && synced) this.#announcer.announce({ present: self.annotations, annotations, available });
    if (failure !== undefined) throw failure;
    if (plan === undefined) return;
    this.#metrics.showPlan(plan, plan.attachments.length);
    if (!available) return;
    const { configuration, log } = this.#options;
    publishNetwork({
      directory: configuration.cni.configurationDirectory,
      hostPorts: configuration.serviceMode !== 'off',
      readiness: this.#readiness,
      log,
    });
  }

  #attached() {
    return this.#attachments.list().flatMap(({ phase, attachment }) => (phase === 'attached' ? [attachment] : []));
  }

  #recall() {
    try {
      return this.#remembered.read();
    } catch (error) {
      this.#warn(error);
      return [];
    }
  }

  #stalled(): string | undefined {
    const { clock, configuration } = this.#options;
    const silence = clock.now() - this.#progressAt;
    const limit = STALL + configuration.resyncInterval * 1000;
    return silence > limit ? `no reconciliation has ended for ${Math.round(silence / 1000)} seconds` : undefined;
  }

  async #exposeMetrics() {
    const { lastContact } = this.#cluster;
    this.#metrics.showApi(lastContact !== undefined && this.#options.clock.now() - lastContact < API_SILENCE);
    const { registry } = this.#metrics;
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  #warn(error: unknown): void {
    this.#options.log.warn({ error: describeError(error) }, 'something failed and is tried again');
  }
}
