import type { ChildProcess, StdioOptions } from 'node:child_process';
import { formatAddress } from '../../address/address.ts';
import type { ContainerReference, PodStreams } from '../../apiserver/streams/pod-streams.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { NetworkNamespace } from '../../kernel/network-namespace.ts';
import { type Clock, systemClock } from '../../kube/clock.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { PODS } from '../../kube/resource.ts';
import { watchResource } from '../../kube/resource-watch.ts';
import { SocketPoller } from '../../probe/socket/socket-poller.ts';
import type { LabHost } from '../lab-host.ts';
import { CniNetwork } from './cni-network.ts';
import type { ClusterDns } from './container-files.ts';
import { notRunning } from './container-launch.ts';
import type { ContainerWorker } from './container-worker.ts';
import { NodeReporter } from './node-reporter.ts';
import type { HostContext } from './pod-context.ts';
import { PodObjects } from './pod-objects.ts';
import { PodReporter } from './pod-reporter.ts';
import { asRuntimePod, type RuntimePod } from './pod-spec.ts';
import { podStreams } from './pod-streams.ts';
import { PodWorker } from './pod-worker.ts';
import type { ApiAccess } from './volumes.ts';

export interface RuntimeOptions {
  readonly host: LabHost;
  /** With the rights of a kubelet; the caller closes it. */
  readonly client: KubeClient;
  readonly dns: ClusterDns;
  /** Shown to pods as their service account. */
  readonly apiAccess?: ApiAccess;
  /** Ends the runtime, and with it the host's pods; so does the host's own signal. */
  readonly signal: AbortSignal;
  /** Told of what went wrong and is tried again. */
  readonly onError: (error: unknown) => void;
  readonly clock?: Clock;
}

/** Which container of which pod; the uid and the node need not be known. */
export type PodName = Pick<ContainerReference, 'namespace' | 'pod'> & {
  readonly uid?: string;
  readonly container?: string;
};

/** A host's kubelet and container runtime in one: it registers the node, and runs the pods that are bound to it. */
export class PodRuntime {
  /** What the API server reaches into pods through. */
  readonly streams: PodStreams;
  readonly #workers = new Map<string, PodWorker>();
  readonly #reporter: PodReporter;
  readonly #context: HostContext;
  readonly #network: CniNetwork;
  readonly #ended: Promise<void>;
  readonly #stop = new AbortController();

  constructor(options: RuntimeOptions) {
    const { client, onError, clock = systemClock, dns, apiAccess } = options;
    const signal = AbortSignal.any([options.signal, options.host.signal, this.#stop.signal]);
    const host = hostUntil(options.host, signal);
    const poller = new SocketPoller();
    const hostNetwork = NetworkNamespace.open(host.networkNamespace);
    this.#context = {
      host,
      hostNetwork,
      hostAddresses: host.addresses.map(formatAddress),
      poller,
      clock,
      objects: new PodObjects(client, signal),
      dns,
      ...(apiAccess !== undefined && { apiAccess }),
    };
    this.#network = new CniNetwork(host);
    const events = new EventRecorder({ client, component: 'kubelet', host: host.name, clock, signal, onError });
    this.#reporter = new PodReporter({ client, events, signal, clock, onError });
    this.streams = podStreams(this, poller);
    const watch = watchResource({
      client,
      resource: PODS,
      fieldSelector: `spec.nodeName=${host.name}`,
      project: asRuntimePod,
      onChange: (_key, old, current) => this.#follow(old, current),
      onError,
      signal,
      clock,
    });
    const onReady = () => {
      for (const pod of watch.objects.values()) this.#workers.get(pod.metadata.uid)?.update(pod);
    };
    const node = new NodeReporter({ host, client, network: this.#network, clock, signal, onError, onReady }).run();
    this.#ended = this.#end(Promise.all([node, watch.finished]), () => {
      poller.close();
      hostNetwork.close();
    });
  }

  /** The pods that are on the host now. */
  get pods(): readonly PodWorker[] {
    return [...this.#workers.values()];
  }

  /** @throws FlatnetError `not-found` where this host doesn't run such a pod */
  pod(name: PodName): PodWorker {
    const found = this.pods.find(({ pod: { metadata } }) =>
      name.uid === undefined
        ? metadata.namespace === name.namespace && metadata.name === name.pod
        : metadata.uid === name.uid,
    );
    if (found !== undefined) return found;
    throw new FlatnetError({
      operation: 'find pod',
      code: 'not-found',
      message: `pod ${name.namespace}/${name.pod} is not on ${this.#context.host.name}`,
    });
  }

  /** The named container of a pod, or its first. @throws FlatnetError `not-found`, `unavailable` before it has a sandbox */
  container(name: PodName): ContainerWorker {
    const worker = this.pod(name);
    const container = name.container ?? worker.pod.spec.containers[0]?.name ?? '';
    const found = worker.container(container);
    if (found !== undefined) return found;
    throw notRunning(container);
  }

  /** Starts a program in a container, as `kubectl exec` does. @throws FlatnetError where the container isn't running */
  spawn(name: PodName, command: readonly string[], stdio: StdioOptions): ChildProcess {
    return this.container(name).exec(command, stdio);
  }

  /** Ends the pods of the host and lets go of everything. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #end(tasks: Promise<unknown>, release: () => void): Promise<void> {
    await tasks;
    await Promise.all(this.pods.map(({ finished }) => finished));
    release();
  }

  #follow(old: RuntimePod | undefined, current: RuntimePod | undefined): void {
    const uid = current?.metadata.uid ?? old?.metadata.uid ?? '';
    if (old !== undefined && old.metadata.uid !== uid) this.#workers.get(old.metadata.uid)?.stop(0);
    const worker = this.#workers.get(uid);
    if (current === undefined) worker?.stop(0);
    else if (worker !== undefined) worker.update(current);
    else this.#begin(current);
  }

  #begin(pod: RuntimePod): void {
    const { host } = this.#context;
    const worker = new PodWorker({
      pod,
      context: this.#context,
      network: this.#network,
      reporter: this.#reporter,
    });
    this.#workers.set(pod.metadata.uid, worker);
    if (pod.metadata.deletionTimestamp !== undefined) worker.update(pod);
    worker.finished.then(async () => {
      if (host.signal.aborted) return;
      await this.#reporter.remove(worker.pod);
      this.#workers.delete(pod.metadata.uid);
    });
  }
}

/** Starts a host's runtime: it runs at once, and waits for the API and for the network as long as it takes. */
export function startRuntime(options: RuntimeOptions): PodRuntime {
  return new PodRuntime(options);
}

/** The host, as if it went down when the signal aborts. */
function hostUntil(host: LabHost, signal: AbortSignal): LabHost {
  return {
    name: host.name,
    addresses: host.addresses,
    ...(host.zone !== undefined && { zone: host.zone }),
    labels: host.labels,
    networkNamespace: host.networkNamespace,
    signal,
    spawn: (command, args, options) => host.spawn(command, args, options),
    run: (action) => host.run(action),
    path: (pathInHost) => host.path(pathInHost),
  };
}
