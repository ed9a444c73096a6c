import { formatPrefix } from '../address/prefix.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import { describeError, FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import { type Clock, formatKubeTime } from '../kube/clock.ts';
import { type EventRecorder, type RecordedEvent, referenceTo } from '../kube/event-recorder.ts';
import { inParallel } from '../kube/in-parallel.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { NODES } from '../kube/resource.ts';
import type { ControllerLog } from './controller-log.ts';
import type { FabricDriver } from './fabric-driver.ts';
import { applyFabricRoutes, type FabricOutcome } from './fabric-routes.ts';
import { hasCondition, wantedCondition } from './node-condition.ts';
import { type PrefixAssignment, type PrefixPlan, planPrefixes } from './plan-prefixes.ts';
import type { PrefixNode } from './prefix-node.ts';
import type { PrefixRecordStore } from './prefix-record-store.ts';

export interface PrefixControllerOptions {
  readonly client: KubeClient;
  readonly configuration: ClusterConfiguration;
  readonly store: PrefixRecordStore;
  readonly recorder: EventRecorder;
  readonly log: ControllerLog;
  readonly clock: Clock;
  readonly nodes: ReadonlyMap<string, PrefixNode>;
  readonly driver?: FabricDriver;
  /** Milliseconds. */
  readonly quarantine: number;
  /** Milliseconds that a new node waits for word from its agent. */
  readonly agentGrace: number;
}

/** One leader's view: reconciles all nodes each time, and remembers only what it has told already. */
export class PrefixController {
  readonly #options: PrefixControllerOptions;
  readonly #firstSeen = new Map<string, number>();
  readonly #told = new Map<string, string>();
  #conflicts: ReadonlyMap<string, readonly string[]> = new Map();
  #fabric: FabricOutcome = new Map();

  constructor(options: PrefixControllerOptions) {
    this.#options = options;
  }

  /**
   * Gives every node that lacks them its prefixes, and reports what stands in the way.
   * Returns the time at which to do so again though nothing has happened, in milliseconds since the epoch.
   */
  async reconcilePrefixes(signal: AbortSignal): Promise<number | undefined> {
    const { configuration, store, clock, quarantine } = this.#options;
    const nodes = [...this.#options.nodes.values()];
    const now = clock.now();
    const waitsUntil = (node: PrefixNode) => this.#seen(node, now) + this.#options.agentGrace;
    const plan = planPrefixes({ configuration, nodes, record: store.record, now, quarantine, waitsUntil });
    try {
      await store.write(plan.record, signal);
    } catch (error) {
      // Somebody else has written: what we planned with is out of date.
      if (isFlatnetError(error, 'conflict')) await store.load(signal);
      throw error;
    }
    await inParallel(plan.assignments, (assignment) => this.#assign(assignment, signal));
    this.#report(plan, nodes);
    const conflicts = Map.groupBy(plan.conflicts, ({ node }) => node);
    this.#conflicts = new Map([...conflicts].map(([node, list]) => [node, list.map(({ message }) => message)]));
    await this.#writeConditions(signal);
    this.#forgetGone(nodes);
    return plan.deadline;
  }

  /** Brings the fabric's routes in line with the nodes' prefixes. */
  async reconcileFabric(driver: FabricDriver, signal: AbortSignal): Promise<void> {
    const nodes = [...this.#options.nodes.values()];
    this.#fabric = await applyFabricRoutes(driver, nodes, this.#options.log, signal);
    for (const node of nodes) {
      const error = this.#fabric.get(node.name)?.error;
      this.#tell(node, 'fabric', error === undefined ? undefined : warning('NoRouteCreated', error));
    }
    await this.#writeConditions(signal);
    if ([...this.#fabric.values()].some(({ error }) => error !== undefined))
      throw new FlatnetError({
        operation: 'program fabric',
        code: 'unavailable',
        message: 'some routes could not be made; the nodes they lead to say why',
      });
  }

  async #assign({ node, prefixes }: PrefixAssignment, signal: AbortSignal): Promise<void> {
    const { client, log } = this.#options;
    const podCIDRs = prefixes.map(formatPrefix);
    // The uid keeps the promise from a node that was made anew meanwhile.
    const patch = { metadata: { uid: node.uid }, spec: { podCIDR: podCIDRs[0], podCIDRs } };
    try {
      await client.patch(NODES, { name: node.name }, patch, { signal });
      log.info({ node: node.name, podCIDRs }, 'gave a node its pod prefixes');
    } catch (error) {
      // It is gone, or somebody else was first: the watch will tell which.
      const gone = isFlatnetError(error, 'not-found') || isFlatnetError(error, 'conflict');
      if (!gone && !isFlatnetError(error, 'invalid')) throw error;
      log.warn({ node: node.name, podCIDRs, error: describeError(error) }, 'a node did not take its pod prefixes');
    }
  }

  #report(plan: PrefixPlan, nodes: readonly PrefixNode[]): void {
    const exhausted = new Map(plan.exhausted.map((entry) => [entry.node, entry]));
    const conflicts = Map.groupBy(plan.conflicts, ({ node }) => node);
    for (const node of nodes) {
      const none = exhausted.get(node);
      const text = none === undefined ? undefined : [none.message, none.remedy].filter(Boolean).join('; ');
      this.#tell(node, 'exhausted', text === undefined ? undefined : warning('PrefixesExhausted', text));
      const overlaps = conflicts.get(node.name)?.map(({ message }) => message);
      this.#tell(node, 'conflict', overlaps === undefined ? undefined : warning('PrefixConflict', overlaps.join('; ')));
      const { foreignError } = node;
      this.#tell(node, 'foreign', foreignError === undefined ? undefined : warning('BadAnnotation', foreignError));
      this.#tell(node, 'families', this.#missingFamilies(node));
    }
  }

  /** Prefixes once set can't be added to: a node from before the cluster had a family must register anew to get it. */
  #missingFamilies(node: PrefixNode): RecordedEvent | undefined {
    if (node.podPrefixes.length === 0) return undefined;
    const missing = this.#options.configuration.clusterPrefixes.filter(
      (range) => !node.podPrefixes.some(({ address }) => address.family === range.address.family),
    );
    if (missing.length === 0) return undefined;
    const ranges = missing.map(formatPrefix).join(', ');
    return warning('PrefixMissing', `${node.name} has no pod prefix of ${ranges}; delete its Node object to get one`);
  }

  /** Tells of a problem once, until it changes or has been gone. */
  #tell(node: PrefixNode, topic: string, event: RecordedEvent | undefined): void {
    const key = `${topic} ${node.uid}`;
    if (this.#told.get(key) === event?.message) return;
    if (event === undefined) this.#told.delete(key);
    else {
      this.#told.set(key, event.message);
      this.#options.log.warn({ node: node.name, reason: event.reason }, event.message);
      const metadata = { name: node.name, uid: node.uid };
      this.#options.recorder.record(referenceTo({ apiVersion: 'v1', kind: 'Node', metadata }), event);
    }
  }

  async #writeConditions(signal: AbortSignal): Promise<void> {
    const { client, clock, driver } = this.#options;
    await inParallel([...this.#options.nodes.values()], async (node) => {
      const wanted = wantedCondition(node, {
        conflicts: this.#conflicts.get(node.name) ?? [],
        fabric: driver === undefined ? undefined : this.#fabric.get(node.name),
      });
      if (wanted === undefined || hasCondition(node, wanted)) return;
      const now = formatKubeTime(clock.now());
      const turned = node.condition?.status === wanted.status ? {} : { lastTransitionTime: now };
      const condition = { type: 'NetworkUnavailable', ...wanted, lastHeartbeatTime: now, ...turned };
      const options = { type: 'strategic', subresource: 'status', signal } as const;
      try {
        await client.patch(NODES, { name: node.name }, { status: { conditions: [condition] } }, options);
      } catch (error) {
        if (!isFlatnetError(error, 'not-found')) throw error;
      }
    });
  }

  #forgetGone(nodes: readonly PrefixNode[]): void {
    const present = new Set(nodes.map(({ uid }) => uid));
    for (const uid of this.#firstSeen.keys()) if (!present.has(uid)) this.#firstSeen.delete(uid);
    for (const key of this.#told.keys()) if (!present.has(key.slice(key.indexOf(' ') + 1))) this.#told.delete(key);
  }

  #seen(node: PrefixNode, now: number): number {
    const seen = this.#firstSeen.get(node.uid) ?? now;
    this.#firstSeen.set(node.uid, seen);
    return seen;
  }
}

function warning(reason: string, message: string): RecordedEvent {
  return { type: 'Warning', reason, message };
}
