import type { ClusterFinding, Parsed } from '../cluster/cluster-finding.ts';
import { parseClusterNode } from '../cluster/cluster-node.ts';
import { parseClusterPod } from '../cluster/cluster-pod.ts';
import type { ClusterNode, ClusterPod, ClusterState } from '../cluster/cluster-state.ts';
import { LiveClusterState } from '../cluster/live-cluster-state.ts';
import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { Node } from '../kube/objects/node.ts';
import { NODES, PODS } from '../kube/resource.ts';
import { type ResourceWatch, watchResource } from '../kube/resource-watch.ts';

export interface ClusterWatchOptions {
  readonly client: KubeClient;
  /** This node's name: of pods, only its own are watched. */
  readonly node: string;
  /** What the API said before the agent started; it counts until the API says otherwise. */
  readonly remembered: readonly ClusterNode[];
  readonly onChange: (what: 'nodes' | 'pods') => void;
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Annotations that the network looks at; the others only cost memory. */
const ANNOTATIONS = /^(flannel\.alpha\.coreos\.com|flatnet\.io)\//;

/** What the API says of the cluster, followed for as long as the signal lets it. */
export class ClusterWatch {
  readonly #live = new LiveClusterState();
  readonly #nodes: ResourceWatch<Parsed<ClusterNode>>;
  readonly #pods: ResourceWatch<Parsed<ClusterPod>>;

  constructor(options: ClusterWatchOptions) {
    const { client, node, onChange, onError, clock, signal } = options;
    const notKnown = new Set(options.remembered.map(({ name }) => name));
    for (const value of options.remembered) this.#live.applyNode(value.name, { value, findings: [] });

    this.#nodes = watchResource({
      client,
      resource: NODES,
      project: (object: Node) => parseClusterNode(withoutOtherAnnotations(object)),
      onChange: (key, _old, parsed) => {
        notKnown.delete(key);
        if (this.#live.applyNode(key, parsed)) onChange('nodes');
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
      onChange: (key, _old, parsed) => {
        if (this.#live.applyPod(key, parsed)) onChange('pods');
      },
      onSynced: () => onChange('pods'),
      onError,
      clock,
      signal,
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

  /** When the API last sent anything, in milliseconds since the epoch. */
  get lastContact(): number | undefined {
    return this.#nodes.lastContact;
  }

  get findings(): readonly ClusterFinding[] {
    return this.#live.findings;
  }

  /** Resolves when all watches have ended. */
  async finished(): Promise<void> {
    await Promise.all([this.#nodes.finished, this.#pods.finished]);
  }
}

function withoutOtherAnnotations(node: Node): Node {
  const annotations = Object.fromEntries(
    Object.entries(node.metadata.annotations ?? {}).filter(([name]) => ANNOTATIONS.test(name)),
  );
  return { ...node, metadata: { ...node.metadata, annotations } };
}
