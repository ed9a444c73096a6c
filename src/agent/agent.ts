import { uptime } from 'node:os';
import path from 'node:path';
import { AttachmentLifecycle } from '../cni/attachment-lifecycle.ts';
import { AttachmentStore } from '../cni/attachment-store.ts';
import { readBootIdentity } from '../cni/boot-identity.ts';
import { CniServer } from '../cni/cni-server.ts';
import { type CniOutcome, CniService } from '../cni/cni-service.ts';
import { findRivalConfigurations, writeNetworkConfiguration } from '../cni/network-configuration-file.ts';
import { installLoopback, installShim } from '../cni/shim-installation.ts';
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
import { FindingReporter } from './finding-reporter.ts';
import { startHealthServer } from './health-server.ts';
import { HostKernel } from './host-kernel.ts';
import { MasqueradeFile } from './masquerade-file.ts';
import { AgentMetrics } from './metrics.ts';
import { NodeAnnouncer } from './node-announcer.ts';
import { NodeReconciler, type Reconciliation } from './node-reconciler.ts';
import { findPod } from './pod-lookup.ts';
import { Readiness } from './readiness.ts';
import { ReconcileLoop } from './reconcile-loop.ts';
import { RememberedNodes } from './remembered-nodes.ts';

export interface AgentOptions {
  readonly configuration: AgentConfiguration;
  /** Name of this host's Node object. */
  readonly node: string;
  readonly client: KubeClient;
  readonly log: AgentLogger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const NETWORK_NAME = 'flatnet';
/** Milliseconds that changes are gathered for before a reconciliation. */
const GATHER = 50;
const FIRST_RETRY = 500;
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
  const { configuration, node, client, log, clock, signal } = options;
  const onError = (error: unknown) =>
    log.warn({ error: describeError(error) }, 'something went wrong and is tried again');
  const metrics = new AgentMetrics();
  const readiness = new Readiness(
    ['kernel', 'plan', 'ranges', 'forwarding', 'masquerade'],
    ({ name, state, message }) => {
      metrics.showCondition(name, state);
      log[state === 'ok' ? 'info' : 'warn']({ condition: name, state }, message === '' ? `${name} ok` : message);
    },
  );
  const events = new EventRecorder({ client, component: 'flatnet-agent', host: node, clock, signal, onError });
  const reporter = new FindingReporter({ node, readiness, events, log });
  const remembered = new RememberedNodes(path.join(configuration.stateDirectory, 'nodes.json'));
  const attachments = AttachmentStore.open(path.join(configuration.stateDirectory, 'attachments'));
  for (const { file, why } of attachments.unreadable) log.error({ file }, `an attachment was set aside: ${why}`);

  await using kernel = await HostKernel.open(onError);
  await kernel.claimTables(clock, signal, (owner) => log.info({ owner }, 'waiting for the former agent to end'));

  let progressAt = clock.now();
  const masquerade = new MasqueradeFile({
    configuration: configuration.masquerade,
    readiness,
    onChange: () => loop.trigger('masquerade'),
    clock,
    signal,
  });
  const cluster = new ClusterWatch({
    client,
    node,
    remembered: recall(remembered, onError),
    onChange: (what) => loop.trigger(what),
    onError,
    clock,
    signal,
  });
  const attached = () =>
    attachments.list().flatMap(({ phase, attachment }) => (phase === 'attached' ? [attachment] : []));
  const reconciler = new NodeReconciler({
    kernel,
    node,
    configuration,
    cluster: () => cluster.state,
    attachments: attached,
    masquerade: () => masquerade.settings,
  });
  const announcer = new NodeAnnouncer({
    client,
    node,
    fabricRoutes: configuration.cluster.backend === 'cloud',
    onError,
    clock,
    signal,
  });
  const network = new AgentPodNetwork({
    kernel,
    reconciler,
    readiness,
    findPod: (namespace, name) => findPod({ client, cluster, signal }, namespace, name),
    onChange: () => metrics.attachments.set(attached().length),
  });
  const addresses = new AddressStore({ directory: path.join(configuration.addressDirectory, NETWORK_NAME) });
  const lifecycle = new AttachmentLifecycle({
    network,
    addresses,
    attachments,
    boot: readBootIdentity(configuration.runDirectory),
    bootedAt: clock.now() - uptime() * 1000,
  });

  const loop = new ReconcileLoop({
    reconcile: async (reasons) => {
      const started = performance.now();
      for (const failure of (await lifecycle.reclaim()).failures) onError(failure);
      const outcome = await reconciler.reconcile();
      progressAt = clock.now();
      metrics.reconcileDuration.observe((performance.now() - started) / 1000);
      conclude(outcome, reasons);
    },
    onError: (error) => {
      metrics.reconcileErrors.inc();
      readiness.set('kernel', 'failed', describeError(error));
    },
    gather: GATHER,
    resync: configuration.resyncInterval * 1000,
    retry: FIRST_RETRY,
    clock,
    signal,
  });

  const conclude = (outcome: Reconciliation, reasons: readonly string[]): void => {
    const { plan, findings, conflicts, annotations, results } = outcome;
    for (const { change } of results) metrics.changes.inc({ kind: change.kind });
    if (results.length > 0) log.info({ reasons, changes: results.length }, 'brought the kernel to the plan');
    if (cluster.synced) remembered.write(cluster.state.nodes.values());
    reporter.report(findings, conflicts, cluster.findings);
    const self = cluster.state.nodes.get(node);
    if (annotations !== undefined && self !== undefined && cluster.synced)
      announcer.announce(self.annotations, annotations);
    const failure = failureOf('apply plan', results);
    if (failure !== undefined) throw failure;
    if (plan === undefined) return;
    readiness.set('kernel', 'ok');
    metrics.showPlan(plan, attached().length);
    if (readiness.ready) publish();
  };

  const publish = (): void => {
    announcer.declareAvailable();
    const directory = configuration.cni.configurationDirectory;
    if (writeNetworkConfiguration({ directory, network: NETWORK_NAME }))
      log.info({ directory }, 'wrote the network configuration');
    const rivals = findRivalConfigurations({ directory }).filter(({ winsOver }) => winsOver);
    if (rivals.length === 0) readiness.set('configuration', 'ok');
    else
      readiness.set(
        'configuration',
        'warning',
        `runtimes use ${rivals.map(({ file }) => file).join(', ')} and not Flatnet; remove it`,
      );
  };

  const service = new CniService({
    network,
    addresses,
    lifecycle,
    networkName: NETWORK_NAME,
    onOutcome: (outcome) => noteCni(outcome, metrics, log),
  });
  const socket = path.join(configuration.runDirectory, 'cni.sock');
  await using _server = await CniServer.listen({ socket, handle: (request) => service.handle(request) });
  const shim = await installShim({
    directory: configuration.cni.binDirectory,
    cacheDirectory: path.join(configuration.stateDirectory, 'shim'),
    socket,
    wait: configuration.cni.waitSeconds,
  });
  installLoopback(configuration.cni.binDirectory);
  log.info({ shim: shim.kind, node }, 'agent starts');

  await startHealthServer({
    ...configuration.metrics,
    readiness,
    stalled: () =>
      clock.now() - progressAt > STALL + configuration.resyncInterval * 1000
        ? 'no reconciliation has ended for too long'
        : undefined,
    metrics: async () => {
      metrics.showApi(cluster.lastContact !== undefined && clock.now() - cluster.lastContact < API_SILENCE);
      return { contentType: metrics.registry.contentType, text: await metrics.registry.metrics() };
    },
    signal,
  });
  using _changes = watchChanges({
    ports: kernel.ports,
    attachments: attached,
    onChange: (what) => loop.trigger(what),
    onError,
  });
  await Promise.all([loop.run(), masquerade.watch(), cluster.finished()]);
  await announcer.settled();
}

function recall(remembered: RememberedNodes, onError: (error: unknown) => void) {
  try {
    return remembered.read();
  } catch (error) {
    onError(error);
    return [];
  }
}

function noteCni(
  { command, containerId, interfaceName, milliseconds, error }: CniOutcome,
  metrics: AgentMetrics,
  log: AgentLogger,
): void {
  metrics.showRequest(command, error, milliseconds);
  const fields = { command, containerId, interfaceName, milliseconds: Math.round(milliseconds * 10) / 10 };
  if (error === undefined) log.info(fields, 'answered CNI');
  else log.warn({ ...fields, error: describeError(error) }, 'refused CNI');
}
