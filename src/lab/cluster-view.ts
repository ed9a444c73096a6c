import type { KubeClient } from '../kube/kube-client.ts';
import { type Node, nodeIsReady } from '../kube/objects/node.ts';
import type { Pod } from '../kube/objects/pod.ts';
import type { Service } from '../kube/objects/service.ts';
import { DAEMON_SETS, DEPLOYMENTS, NODES, PODS, SERVICES, STATEFUL_SETS } from '../kube/resource.ts';
import { type ResourceWatch, watchResource } from '../kube/resource-watch.ts';
import type { PodStatus, ServiceStatus } from './lab-status.ts';
import { type WorkloadProgress, workloadProgress } from './workload-progress.ts';

interface NodeView {
  readonly ready: boolean;
  readonly podPrefixes: readonly string[];
}

/** The lab's nodes and pods as the API has them, followed for the status and for readiness. */
export class ClusterView {
  readonly #nodes: ResourceWatch<NodeView>;
  readonly #pods: ResourceWatch<PodStatus>;
  readonly #services: ResourceWatch<ServiceStatus>;
  readonly #workloads: readonly ResourceWatch<WorkloadProgress>[];
  readonly #listeners = new Set<() => void>();

  constructor(client: KubeClient, signal: AbortSignal) {
    const onChange = () => {
      for (const listener of this.#listeners) listener();
    };
    const options = { client, signal, onChange, onSynced: onChange };
    this.#nodes = watchResource({ ...options, resource: NODES, project: viewNode });
    this.#pods = watchResource({ ...options, resource: PODS, project: viewPod });
    this.#services = watchResource({ ...options, resource: SERVICES, project: viewService });
    this.#workloads = [
      watchResource({ ...options, resource: DEPLOYMENTS, project: workloadProgress }),
      watchResource({ ...options, resource: DAEMON_SETS, project: workloadProgress }),
      watchResource({ ...options, resource: STATEFUL_SETS, project: workloadProgress }),
    ];
  }

  node(name: string): NodeView | undefined {
    return this.#nodes.objects.get(name);
  }

  /** By node and name. */
  get pods(): readonly PodStatus[] {
    return [...this.#pods.objects.values()].sort(
      (left, right) =>
        compare(left.node, right.node) || compare(left.namespace, right.namespace) || compare(left.name, right.name),
    );
  }

  /** By name. */
  get services(): readonly ServiceStatus[] {
    return [...this.#services.objects.values()].sort(
      (left, right) => compare(left.namespace, right.namespace) || compare(left.name, right.name),
    );
  }

  get workloads(): readonly WorkloadProgress[] {
    return this.#workloads.flatMap((watch) => [...watch.objects.values()]);
  }

  /** Looks now and after every change; resolves when `condition` holds, rejects with the signal's reason. */
  until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!signal.aborted && !condition()) return;
        this.#listeners.delete(look);
        signal.removeEventListener('abort', look);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#listeners.add(look);
      signal.addEventListener('abort', look, { once: true });
      look();
    });
  }
}

/** Numbers within names count as numbers: node-2 stands before node-10. */
export const compare = new Intl.Collator('en', { numeric: true }).compare;

function viewNode(node: Node): NodeView {
  const { podCIDR, podCIDRs } = node.spec ?? {};
  return { ready: nodeIsReady(node), podPrefixes: podCIDRs ?? (podCIDR === undefined ? [] : [podCIDR]) };
}

function viewPod(pod: Pod): PodStatus {
  const { podIP, podIPs, phase = 'Pending', conditions } = pod.status ?? {};
  return {
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    node: pod.spec?.nodeName ?? '',
    addresses: podIPs?.map(({ ip }) => ip) ?? (podIP === undefined ? [] : [podIP]),
    ready: conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
    phase,
    ports: (pod.spec?.containers ?? []).flatMap(({ ports = [] }) =>
      ports.filter(({ protocol = 'TCP' }) => protocol === 'TCP').map(({ containerPort }) => containerPort),
    ),
  };
}

/** Headless services, and those that are names only, have nothing to show. */
function viewService({ metadata, spec }: Service): ServiceStatus | undefined {
  const addresses = spec?.clusterIPs ?? [];
  if (spec === undefined || addresses.length === 0 || addresses.includes('None')) return undefined;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    addresses,
    ports: (spec.ports ?? []).map(({ port, protocol = 'TCP', nodePort }) => ({
      port,
      protocol,
      ...(nodePort !== undefined && { nodePort }),
    })),
  };
}
