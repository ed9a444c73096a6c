import { NamespaceDump } from './namespace-dump.ts';

export interface PodDump {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
  readonly dump: NamespaceDump;
}

/** A Service as kube-proxies write it down; endpoints stand in the same order everywhere. */
export interface ServiceSpec {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIp: string;
  readonly port: number;
  readonly nodePort?: number;
  /** Seconds that a client stays with its endpoint. */
  readonly affinity?: number;
  readonly endpoints: readonly { readonly address: string; readonly port: number }[];
}

/** One host of a cluster with the namespaces of its pods. */
export class HostDump {
  readonly name: string;
  readonly number: number;
  /** InternalIP. */
  readonly address: string;
  readonly root = new NamespaceDump();
  readonly pods: PodDump[] = [];

  constructor(number: number) {
    this.number = number;
    this.name = `node${number}`;
    this.address = `192.0.2.${number + 1}`;
  }

  /** MAC of the uplink. */
  get mac(): string {
    return `02:00:00:00:00:0${this.number + 1}`;
  }
}

/** A whole cluster's snapshot, written as hosts would that `flatnet collect --script` has run on. */
export class ClusterDump {
  readonly hosts: readonly HostDump[];
  readonly services: readonly ServiceSpec[];

  constructor(hosts: readonly HostDump[], services: readonly ServiceSpec[] = []) {
    this.hosts = hosts;
    this.services = services;
  }

  host(number: number): HostDump {
    const host = this.hosts[number];
    if (host === undefined) throw new Error(`there is no host ${number}`);
    return host;
  }

  /** All files by their paths. */
  files(): ReadonlyMap<string, string> {
    const files = new Map<string, string>();
    for (const { name, root, pods } of this.hosts) {
      for (const [file, text] of root.files()) files.set(`${name}/${file}`, text);
      for (const [index, { dump }] of pods.entries())
        for (const [file, text] of dump.files()) files.set(`${name}/netns/cni-${name}-${index}/${file}`, text);
    }
    return files.set('cluster.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: this.#objects() }));
  }

  #objects(): readonly object[] {
    const nodes = this.hosts.map(({ name, number, address }) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      spec: { podCIDR: `10.244.${number}.0/24`, podCIDRs: [`10.244.${number}.0/24`] },
      status: {
        addresses: [
          { type: 'InternalIP', address },
          { type: 'Hostname', address: name },
        ],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    }));
    const pods = this.hosts.flatMap(({ name: nodeName, pods: its }) =>
      its.map(({ namespace, name, address }) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { namespace, name, uid: `${namespace}-${name}` },
        spec: { nodeName, containers: [] },
        status: { phase: 'Running', podIP: address, podIPs: [{ ip: address }] },
      })),
    );
    return [...nodes, ...pods, ...this.services.flatMap(serviceObjects)];
  }
}

function serviceObjects({ namespace, name, clusterIp, port, nodePort, affinity, endpoints }: ServiceSpec): object[] {
  const targetPort = endpoints[0]?.port ?? port;
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name },
      spec: {
        type: nodePort === undefined ? 'ClusterIP' : 'NodePort',
        clusterIP: clusterIp,
        clusterIPs: [clusterIp],
        ports: [{ port, targetPort, protocol: 'TCP', ...(nodePort !== undefined && { nodePort }) }],
        sessionAffinity: affinity === undefined ? 'None' : 'ClientIP',
        ...(affinity !== undefined && { sessionAffinityConfig: { clientIP: { timeoutSeconds: affinity } } }),
      },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace, name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: '', port: targetPort, protocol: 'TCP' }],
      endpoints: endpoints.map(({ address }) => ({ addresses: [address], conditions: { ready: true } })),
    },
  ];
}
