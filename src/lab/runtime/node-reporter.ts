import { randomUUID } from 'node:crypto';
import { type Clock, formatKubeMicroTime } from '../../kube/clock.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { isKubeReason } from '../../kube/kube-status.ts';
import type { NodeCondition } from '../../kube/objects/node.ts';
import { LEASES, NODES } from '../../kube/resource.ts';
import type { LabHost } from '../lab-host.ts';
import type { CniNetwork } from './cni-network.ts';
import { nodeConditions, nodeLabels, nodeStatus, notReadyTaints, saysSame } from './node-object.ts';

export interface NodeReporterOptions {
  readonly host: LabHost;
  readonly client: KubeClient;
  readonly network: CniNetwork;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** The node was reported as ready again. */
  readonly onReady: () => void;
}

const LEASE_NAMESPACE = 'kube-node-lease';
/** As a kubelet's defaults, in milliseconds. */
const HEARTBEAT = 10_000;
const LEASE_SECONDS = 40;
/** What has not changed is told again after this long: everybody who follows nodes hears of it. As a kubelet's default. */
const REPORT_INTERVAL = 300_000;
/** How often a network that isn't ready yet is looked at: its file is cheap to look for, its plugins are programs. */
const FIRST_NETWORK_POLL = 100;
const LAST_NETWORK_POLL = 1_000;
const RETRY = 500;

/** Keeps a host's Node and Lease: registers it, and reports whether it is ready and still there. */
export class NodeReporter {
  readonly #options: NodeReporterOptions;
  readonly #bootId = randomUUID();
  #conditions: readonly NodeCondition[] = [];
  #uid = '';
  #reportedAt = 0;

  constructor(options: NodeReporterOptions) {
    this.#options = options;
  }

  /** Runs until the signal aborts; never rejects. */
  async run(): Promise<void> {
    await Promise.all([this.#watchNetwork(), this.#beat()]);
  }

  /** The condition follows the network at once; a heartbeat comes in between. */
  async #watchNetwork(): Promise<void> {
    const { network, clock, signal } = this.#options;
    let poll = FIRST_NETWORK_POLL;
    while (!signal.aborted) {
      const before = network.notReady;
      await network.refresh();
      const { notReady } = network;
      if ((before === undefined) !== (notReady === undefined) && this.#uid !== '')
        await this.#try(async () => await this.#report());
      if (before !== undefined && notReady === undefined) this.#options.onReady();
      poll = notReady === undefined || !network.configured ? FIRST_NETWORK_POLL : Math.min(poll * 2, LAST_NETWORK_POLL);
      await clock.sleep(notReady === undefined ? HEARTBEAT : poll, signal).catch(() => undefined);
    }
  }

  async #beat(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted && !(await this.#try(async () => await this.#register())))
      await clock.sleep(RETRY, signal).catch(() => undefined);
    while (!signal.aborted) {
      const renewed = await this.#try(async () => {
        await this.#renewLease();
        await this.#refresh();
      });
      await clock.sleep(renewed ? HEARTBEAT : RETRY, signal).catch(() => undefined);
    }
  }

  /** @returns whether the step succeeded */
  async #try(step: () => Promise<void>): Promise<boolean> {
    const { signal, onError } = this.#options;
    try {
      await step();
      return true;
    } catch (error) {
      if (!signal.aborted) onError(error);
      return false;
    }
  }

  /** Registers the node as it is: whoever follows nodes hears of it once. One that is there already keeps its taints. */
  async #register(): Promise<void> {
    const { host, client, clock, signal } = this.#options;
    const labels = nodeLabels(host);
    const name = { name: host.name };
    this.#conditions = this.#presentConditions();
    try {
      const status = { ...this.#fixedStatus(), conditions: this.#conditions };
      const spec = this.#options.network.notReady === undefined ? {} : { taints: notReadyTaints(clock.now()) };
      const { metadata } = await client.create(NODES, { metadata: { ...name, labels }, spec, status }, { signal });
      this.#uid = metadata.uid ?? '';
      this.#reportedAt = clock.now();
    } catch (error) {
      if (!isKubeReason(error, 'AlreadyExists')) throw error;
      const node = await client.patch(NODES, name, { metadata: { labels } }, { signal });
      this.#conditions = node.status?.conditions ?? [];
      this.#uid = node.metadata.uid ?? '';
      await this.#report();
    }
  }

  /** Reports where the API says otherwise, whoever has written it, or has heard nothing for long. */
  async #refresh(): Promise<void> {
    const { host, client, clock, signal } = this.#options;
    const node = await client.find(NODES, { name: host.name }, { signal });
    // Somebody has deleted the node: a kubelet registers it again.
    if (node === undefined) return await this.#register();
    const status = { ...this.#fixedStatus(), conditions: this.#presentConditions() };
    if (clock.now() - this.#reportedAt < REPORT_INTERVAL && saysSame(node.status, status)) return;
    await this.#report();
  }

  async #report(): Promise<void> {
    const { host, client, clock, signal } = this.#options;
    this.#conditions = this.#presentConditions();
    const fixed = this.#fixedStatus();
    // Strategic: conditions of other writers stay. But addresses would be merged by their type, of which there are two.
    const addresses = [{ $patch: 'replace' }, ...fixed.addresses];
    const status = { ...fixed, addresses, conditions: this.#conditions };
    try {
      await client.patch(NODES, { name: host.name }, { status }, { type: 'strategic', subresource: 'status', signal });
      this.#reportedAt = clock.now();
    } catch (error) {
      if (!isKubeReason(error, 'NotFound')) throw error;
      await this.#register();
    }
  }

  #fixedStatus() {
    const { host } = this.#options;
    return nodeStatus(host.name, host.addresses, this.#bootId);
  }

  #presentConditions(): readonly NodeCondition[] {
    const { network, clock } = this.#options;
    return nodeConditions(network.notReady, clock.now(), this.#conditions);
  }

  async #renewLease(): Promise<void> {
    const { host, client, clock, signal } = this.#options;
    const name = { namespace: LEASE_NAMESPACE, name: host.name };
    const renewTime = formatKubeMicroTime(clock.now());
    try {
      await client.patch(LEASES, name, { spec: { renewTime } }, { signal });
    } catch (error) {
      if (!isKubeReason(error, 'NotFound')) throw error;
      const owner = { apiVersion: 'v1', kind: 'Node', name: host.name, uid: this.#uid };
      const spec = { holderIdentity: host.name, leaseDurationSeconds: LEASE_SECONDS, renewTime };
      await client.create(LEASES, { metadata: { ...name, ownerReferences: [owner] }, spec }, { signal });
    }
  }
}
