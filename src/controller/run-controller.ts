import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import { checkClusterConfiguration } from '../cluster/cluster-configuration-schema.ts';
import { describeError, FlatnetError } from '../error/flatnet-error.ts';
import { type Clock, systemClock } from '../kube/clock.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { runAsLeader } from '../kube/leader-election.ts';
import { ReconcileQueue } from '../kube/reconcile-queue.ts';
import { NODES } from '../kube/resource.ts';
import { watchResource } from '../kube/resource-watch.ts';
import type { ControllerLog } from './controller-log.ts';
import type { FabricDriver } from './fabric-driver.ts';
import { PrefixController } from './prefix-controller.ts';
import { parsePrefixNode } from './prefix-node.ts';
import { PrefixRecordStore } from './prefix-record-store.ts';

export interface ControllerOptions {
  readonly client: KubeClient;
  readonly configuration: ClusterConfiguration;
  readonly signal: AbortSignal;
  readonly log: ControllerLog;
  /** Unique to this process, for the election of a leader: host name and a random part. */
  readonly identity: string;
  /** What programs the fabric; needed where the backend is `cloud`. */
  readonly driver?: FabricDriver;
  readonly clock?: Clock;
  /** Milliseconds that the prefix of a node that is gone rests; ten minutes unless given. */
  readonly quarantine?: number;
  /** Milliseconds that a new node waits for its agent to tell what its host uses; three seconds unless given. */
  readonly agentGrace?: number;
  /** Called when this process begins and ceases to lead, and after every reconciliation. */
  readonly onState?: (state: ControllerState) => void;
}

/** For metrics. */
export interface ControllerState {
  readonly leading: boolean;
  readonly nodes: number;
  readonly nodesWithoutPrefix: number;
}

const QUARANTINE = 600_000;
const AGENT_GRACE = 3_000;
const FABRIC_RESYNC = 30_000;

/**
 * Gives nodes their pod prefixes, and programs the fabric where the backend is `cloud`, while this process leads; until
 * `signal` aborts.
 * @throws FlatnetError `invalid` for a configuration that can't work, before anything is done
 */
export async function runController(options: ControllerOptions): Promise<void> {
  checkClusterConfiguration(options.configuration);
  if (options.configuration.backend === 'cloud' && options.driver === undefined)
    throw new FlatnetError({
      operation: 'start controller',
      code: 'invalid',
      message: 'backend: cloud needs a driver of the fabric, and none is configured',
      remedy: 'configure the driver, or choose another backend',
    });
  await runAsLeader({
    client: options.client,
    namespace: 'kube-system',
    name: 'flatnet-controller',
    identity: options.identity,
    signal: options.signal,
    clock: options.clock ?? systemClock,
    onError: (error) => options.log.warn({ error: describeError(error) }, 'the election of a leader failed'),
    lead: (signal) => lead(options, signal),
  });
}

async function lead(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { client, configuration, log, clock = systemClock } = options;
  const driver = configuration.backend === 'cloud' ? options.driver : undefined;
  const warn = (message: string) => (error: unknown) => log.warn({ error: describeError(error) }, message);
  const onEventError = warn('an event could not be written');
  const recorder = new EventRecorder({ client, component: 'flatnet-controller', clock, signal, onError: onEventError });
  const store = new PrefixRecordStore(client);
  const watch = watchResource({
    client,
    resource: NODES,
    project: parsePrefixNode,
    onChange: () => wake(),
    onError: warn('the watch of nodes was interrupted'),
    signal,
    clock,
  });
  const controller = new PrefixController({
    client,
    configuration,
    store,
    recorder,
    log,
    clock,
    nodes: watch.objects,
    ...(driver === undefined ? {} : { driver }),
    quarantine: options.quarantine ?? QUARANTINE,
    agentGrace: options.agentGrace ?? AGENT_GRACE,
  });
  const tellState = (leading: boolean) => {
    const nodes = [...watch.objects.values()];
    const without = nodes.filter(({ podPrefixes }) => podPrefixes.length === 0).length;
    options.onState?.({ leading, nodes: nodes.length, nodesWithoutPrefix: without });
  };
  let loaded = false;
  let alarm: AbortController | undefined;
  const queue = new ReconcileQueue({
    signal,
    clock,
    concurrency: 2,
    onError: (task, error) => log.error({ task, error: describeError(error) }, 'reconciliation failed'),
    reconcile: async (task) => {
      if (task === 'fabric') {
        if (driver === undefined) return;
        await controller.reconcileFabric(driver, signal);
        return;
      }
      if (!loaded) await store.load(signal);
      loaded = true;
      const deadline = await controller.reconcilePrefixes(signal);
      tellState(true);
      alarm?.abort();
      alarm = new AbortController();
      if (deadline !== undefined) wakeAt(deadline, alarm.signal);
    },
  });
  const wake = () => {
    if (!watch.synced) return;
    queue.add('prefixes');
    if (driver !== undefined) queue.add('fabric');
  };
  const wakeAt = (time: number, cancelled: AbortSignal) => {
    clock.sleep(Math.max(0, time - clock.now()), AbortSignal.any([signal, cancelled])).then(wake, () => {});
  };
  log.info({ identity: options.identity }, 'leading');
  await watch.firstSync.then(wake, () => {});
  while (!signal.aborted) {
    await clock.sleep(FABRIC_RESYNC, signal).catch(() => {});
    if (driver !== undefined) queue.add('fabric');
  }
  alarm?.abort();
  await Promise.all([watch.finished, queue.idle(), recorder.settled()]);
  tellState(false);
  log.info({ identity: options.identity }, 'no longer leading');
}
