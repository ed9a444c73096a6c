import { startApiServer } from '../../src/apiserver/api-server.ts';
import {
  type ClusterControllersOptions,
  startClusterControllers,
} from '../../src/apiserver/controllers/start-cluster-controllers.ts';
import { isFlatnetError } from '../../src/error/flatnet-error.ts';
import { fixedToken } from '../../src/kube/credentials/token-source.ts';
import { KubeClient } from '../../src/kube/kube-client.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import type { Node } from '../../src/kube/objects/node.ts';
import type { Pod } from '../../src/kube/objects/pod.ts';
import { type KubeResource, LEASES, NODES, PODS } from '../../src/kube/resource.ts';
import { type ResourceWatch, watchResource } from '../../src/kube/resource-watch.ts';

const DEADLINE = 120_000;

/**
 * A real embedded API server with the cluster's controllers, and a fake of the kubelets: pods that are bound become
 * ready at once, unless the test holds them back, and those that are deleted end.
 */
export class EmbeddedCluster implements AsyncDisposable {
  readonly client: KubeClient;
  /** Whether a pod may become ready. */
  mayBeReady: (pod: Pod) => boolean = () => true;
  /** Nodes whose kubelet is dead. */
  readonly silent = new Set<string>();
  readonly errors: string[] = [];
  readonly #stop: AbortController;
  readonly #close: () => Promise<void>;
  readonly #pods: ResourceWatch<Pod>;
  readonly #ended: Promise<unknown>;
  #nextAddress = 1;
  #listeners: (() => void)[] = [];

  private constructor(url: string, close: () => Promise<void>, options: Partial<ClusterControllersOptions>) {
    this.#close = close;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.client = new KubeClient({ server: new URL(url), token: fixedToken('secret') });
    const onError = (controller: string, key: string, error: unknown) => {
      this.errors.push(`${controller} ${key}: ${error}`);
    };
    const controllers = startClusterControllers({ client: this.client, signal, onError, ...options });
    this.#pods = watchResource({
      client: this.client,
      resource: PODS,
      project: (pod) => pod,
      onChange: (_, __, pod) => {
        if (pod !== undefined) void this.#runPod(pod);
        for (const listener of this.#listeners.splice(0)) listener();
      },
      signal,
    });
    this.#ended = Promise.all([controllers.finished, this.#pods.finished]);
  }

  static async start(options: Partial<ClusterControllersOptions> = {}): Promise<EmbeddedCluster> {
    const server = await startApiServer({ listen: [{ host: '127.0.0.1', port: 0 }], token: 'secret' });
    return new EmbeddedCluster(server.urls[0] ?? '', server.close, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    this.client.close();
    await this.#close();
  }

  /** All pods, by name. */
  get pods(): readonly Pod[] {
    return [...this.#pods.objects.values()].sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  }

  /** Registers a ready node, as a kubelet does. */
  async addNode(name: string, fields: Partial<Node> = {}): Promise<void> {
    const metadata = { name, labels: { 'kubernetes.io/hostname': name, ...fields.metadata?.labels } };
    await this.client.create(NODES, { ...fields, metadata });
    const conditions = [{ type: 'Ready', status: 'True' as const, lastHeartbeatTime: '2026-01-01T00:00:00Z' }];
    const addresses = [{ type: 'InternalIP' as const, address: '10.0.0.1' }];
    await this.client.patch(NODES, { name }, { status: { conditions, addresses } }, { subresource: 'status' });
    await this.client.create(LEASES, { metadata: { namespace: 'kube-node-lease', name }, spec: {} });
  }

  /** Resolves as soon as `condition` holds; rejects with `what` was waited for after a deadline. */
  async until<R>(what: string, condition: () => Promise<R | undefined | false> | R | undefined | false): Promise<R> {
    const end = Date.now() + DEADLINE;
    for (;;) {
      const result = await condition();
      if (result !== undefined && result !== false) return result;
      if (Date.now() > end) throw new Error(`waited too long for ${what}: ${this.errors.join('; ')}`);
      const changed = new Promise<void>((resolve) => this.#listeners.push(resolve));
      await Promise.race([changed, new Promise((resolve) => setTimeout(resolve, 20))]);
    }
  }

  /** Resolves with an object once it fits. */
  untilObject<T extends KubeObject>(
    resource: KubeResource<T>,
    name: string,
    fits: (object: T) => boolean,
    namespace: string | undefined = resource.namespaced ? 'default' : undefined,
  ): Promise<T> {
    return this.until(`${resource.kind} ${name}`, async () => {
      const object = await this.client.find(resource, { namespace, name });
      return object !== undefined && fits(object) ? object : undefined;
    });
  }

  /** Lets pods that were held back become ready. */
  async release(): Promise<void> {
    this.mayBeReady = () => true;
    await Promise.all(this.pods.map((pod) => this.#runPod(pod)));
  }

  async #runPod(pod: Pod): Promise<void> {
    const { spec, status, metadata } = pod;
    if (spec?.nodeName === undefined || this.silent.has(spec.nodeName)) return;
    try {
      if (metadata.deletionTimestamp !== undefined) {
        await this.client.delete(PODS, metadata, { gracePeriodSeconds: 0 });
        return;
      }
      const ready = this.mayBeReady(pod) ? 'True' : 'False';
      const before = status?.conditions?.find(({ type }) => type === 'Ready');
      if (status?.phase === 'Running' && before?.status === ready) return;
      const podIP = status?.podIP ?? `10.244.0.${this.#nextAddress++}`;
      const conditions = [{ type: 'Ready', status: ready, lastTransitionTime: new Date().toISOString() }];
      const patch = { status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions } };
      await this.client.patch(PODS, metadata, patch, { type: 'strategic', subresource: 'status' });
    } catch (error) {
      // A pod may go while its fake kubelet looks at it, and be known for some time yet.
      if (!isFlatnetError(error, 'not-found') && !this.#stop.signal.aborted) this.errors.push(String(error));
    }
  }
}

/** A pod template with one container. */
export function template(app: string, image = 'one') {
  return {
    metadata: { labels: { app } },
    spec: { containers: [{ name: 'main', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
  };
}
