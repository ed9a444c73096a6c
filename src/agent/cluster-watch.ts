import { isDeepStrictEqual } from 'node:util';
import { type ClusterEndpointSlice, parseClusterEndpointSlice } from '../cluster/cluster-endpoint-slice.ts';
import type { ClusterFinding, Parsed } from '../cluster/cluster-finding.ts';
import { parseClusterNode } from '../cluster/cluster-node.ts';
import { parseClusterPod } from '../cluster/cluster-pod.ts';
import { parseClusterService } from '../cluster/cluster-service.ts';
import type { ClusterNode, ClusterPod, ClusterService, ClusterState } from '../cluster/cluster-state.ts';
import { type ClusterChanges, LiveClusterState } from '../cluster/live-cluster-state.ts';
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { Node } from '../kube/objects/node.ts';
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from '../kube/resource.ts';
import { type ResourceWatch, watchResource } from '../kube/resource-watch.ts';

export interface ClusterWatchOptions {
  readonly client: KubeClient;
  /** This node's name: of pods, only its own are watched. */
  readonly node: string;
  /** What the API said before the agent started; it counts until the API says otherwise. */
  readonly remembered: readonly ClusterNode[];
  /** `services` only where all of them have been listed: what changes later is told by the next. */
  readonly onChange: (what: 'nodes' | 'pods' | 'services') => void;
  /** A service or its endpoints have changed: see takeChanges. */
  readonly onServiceChange: () => void;
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Annotations that the network looks at; the others only cost memory. */
const ANNOTATIONS = /^(flannel\.alpha\.coreos\.com|flatnet\.io)\//;

/** Services that are another proxy's business, and slices of headless services, which have no virtual address. */
const PROXIED = '!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless';

/** What the API says of the cluster, followed for as long as the signal lets it. */
export class ClusterWatch {
  readonly #live = new LiveClusterState();
  readonly #nodes: ResourceWatch<Parsed<ClusterNode>>;
  readonly #pods: ResourceWatch<Parsed<ClusterPod>>;
  readonly #services: ResourceWatch<Parsed<ClusterService>>;
  readonly #slices: ResourceWatch<Parsed<ClusterEndpointSlice>>;

  constructor(options: ClusterWatchOptions) {
    const { client, node, onChange, onServiceChange, onError, clock, signal } = options;
    const notKnown = new Set(options.remembered.map(({ name }) => name));
    for (const value of options.remembered) this.#live.applyNode(value.name, { value, findings: [] });

    this.#nodes = watchResource({
      client,
      resource: NODES,
      project: (object: Node) => parseClusterNode(withoutOtherAnnotations(object)),
      onChange: (key, old, parsed) => {
        notKnown.delete(key);
        const changed = this.#live.applyNode(key, parsed);
        if (changed && (key === node || !isSamePeer(old?.value, parsed?.value))) onChange('nodes');
      },
      onSynced: () => {
        for (const name of notKnown) this.#live.applyNode(name, undefined);
        notKnown.clear();
        onChange('nodes');
      },
      onError,
      clock,
      signal,
    });
    this.#pods = watchResource({
      client,
      resource: PODS,
      fieldSelector: `spec.nodeName=${node}`,
      project: parseClusterPod,
      // CNI looks a pod up when it is attached; nothing is planned for one before that.
      onChange: (key, _old, parsed) => {
        this.#live.applyPod(key, parsed);
      },
      onSynced: () => onChange('pods'),
      onError,
      clock,
      signal,
    });
    const services = {
      client,
      labelSelector: PROXIED,
      onSynced: () => {
        if (this.servicesSynced) onChange('services');
      },
      onError,
      clock,
      signal,
    };
    this.#services = watchResource({
      ...services,
      resource: SERVICES,
      project: parseClusterService,
      onChange: (key, _old, parsed) => {
        if (this.#live.applyService(key, parsed) && this.servicesSynced) onServiceChange();
      },
    });
    this.#slices = watchResource({
      ...services,
      resource: ENDPOINT_SLICES,
      project: parseClusterEndpointSlice,
      onChange: (key, _old, parsed) => {
        if (this.#live.applyEndpointSlice(key, parsed) && this.servicesSynced) onServiceChange();
      },
    });
  }

  /** A view that changes as the API does. */
  get state(): ClusterState {
    return this.#live.state;
  }

  /** True once everything has been listed; stays so while the API is away. */
  get synced(): boolean {
    return this.#nodes.synced && this.#pods.synced;
  }

  /** True once services and endpoint slices have been listed: until then nobody may conclude that there are none. */
  get servicesSynced(): boolean {
    return this.#services.synced && this.#slices.synced;
  }

  /** What has changed since this was last called. */
  takeChanges(): ClusterChanges {
    return this.#live.takeChanges();
  }

  /** When the API last sent anything, in milliseconds since the epoch. */
  get lastContact(): number | undefined {
    return this.#nodes.lastContact;
  }

  get findings(): readonly ClusterFinding[] {
    return this.#live.findings;
  }

  /** Resolves when all watches have ended. */
  async finished(): Promise<void> {
    await Promise.all([this.#nodes, this.#pods, this.#services, this.#slices].map(({ finished }) => finished));
  }
}

function withoutOtherAnnotations(node: Node): Node {
  const annotations = Object.fromEntries(
    Object.entries(node.metadata.annotations ?? {}).filter(([name]) => ANNOTATIONS.test(name)),
  );
  return { ...node, metadata: { ...node.metadata, annotations } };
}

/** Whether a node is what it was to its peers: whether it is ready, and what it is labelled, leads no packet elsewhere. */
function isSamePeer(before: ClusterNode | undefined, after: ClusterNode | undefined): boolean {
  const traits = (peer: ClusterNode | undefined) => peer && [peer.addresses, peer.podPrefixes, peer.annotations];
  return isDeepStrictEqual(traits(before), traits(after));
}
