import type { Clock } from '../../kube/clock.ts';
import type { EventRecorder } from '../../kube/event-recorder.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ControllerRevision } from '../../kube/objects/controller-revision.ts';
import type { DaemonSet } from '../../kube/objects/daemon-set.ts';
import type { Deployment } from '../../kube/objects/deployment.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL } from '../../kube/objects/endpoint-slice.ts';
import type { Endpoints } from '../../kube/objects/endpoints.ts';
import type { Lease } from '../../kube/objects/lease.ts';
import type { Node } from '../../kube/objects/node.ts';
import type { Pod } from '../../kube/objects/pod.ts';
import type { ReplicaSet } from '../../kube/objects/replica-set.ts';
import type { Service } from '../../kube/objects/service.ts';
import type { StatefulSet } from '../../kube/objects/stateful-set.ts';
import {
  CONTROLLER_REVISIONS,
  DAEMON_SETS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  ENDPOINTS,
  type KubeResource,
  LEASES,
  NODES,
  PODS,
  REPLICA_SETS,
  SERVICES,
  STATEFUL_SETS,
} from '../../kube/resource.ts';
import { ownershipIndex } from './owner.ts';
import { SharedWatch } from './shared-watch.ts';

export interface ClusterViewOptions {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/** The cluster as its controllers see it: one watch a resource, shared by all. */
export class ClusterView {
  readonly nodes: SharedWatch<Node>;
  /** Indexed by owner, namespace, and as `node/NAME`; those that wait for one as `node/`. */
  readonly pods: SharedWatch<Pod>;
  /** Indexed by namespace. */
  readonly services: SharedWatch<Service>;
  /** Indexed as `service/NAMESPACE/NAME`. */
  readonly endpointSlices: SharedWatch<EndpointSlice>;
  readonly endpoints: SharedWatch<Endpoints>;
  readonly deployments: SharedWatch<Deployment>;
  /** Indexed by owner and namespace. */
  readonly replicaSets: SharedWatch<ReplicaSet>;
  readonly statefulSets: SharedWatch<StatefulSet>;
  readonly daemonSets: SharedWatch<DaemonSet>;
  /** Indexed by owner and namespace. */
  readonly controllerRevisions: SharedWatch<ControllerRevision>;
  readonly leases: SharedWatch<Lease>;
  readonly #all: readonly SharedWatch<never>[];

  constructor(options: ClusterViewOptions) {
    const all: SharedWatch<never>[] = [];
    const share = <T extends KubeObject>(resource: KubeResource<T>, indexBy?: (object: T) => readonly string[]) => {
      const watch = new SharedWatch<T>({ ...options, resource, ...(indexBy === undefined ? {} : { indexBy }) });
      all.push(watch as unknown as SharedWatch<never>);
      return watch;
    };
    this.nodes = share(NODES);
    this.pods = share(PODS, (pod) => [...ownershipIndex(pod), `node/${pod.spec?.nodeName ?? ''}`]);
    this.services = share(SERVICES, ownershipIndex);
    this.endpointSlices = share(ENDPOINT_SLICES, ({ metadata }) => [
      `service/${metadata.namespace}/${metadata.labels?.[SERVICE_NAME_LABEL]}`,
    ]);
    this.endpoints = share(ENDPOINTS);
    this.deployments = share(DEPLOYMENTS);
    this.replicaSets = share(REPLICA_SETS, ownershipIndex);
    this.statefulSets = share(STATEFUL_SETS);
    this.daemonSets = share(DAEMON_SETS);
    this.controllerRevisions = share(CONTROLLER_REVISIONS, ownershipIndex);
    this.leases = share(LEASES);
    this.#all = all;
  }

  /** Resolves when all resources have been listed; rejects where they end before. */
  async firstSync(): Promise<void> {
    await Promise.all(this.#all.map((watch) => watch.firstSync));
  }

  /** Resolves when all watches have ended. */
  async finished(): Promise<void> {
    await Promise.all(this.#all.map((watch) => watch.finished));
  }
}

/** What every controller works with. */
export interface ControllerContext {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onError: (controller: string, key: string, error: unknown) => void;
}
