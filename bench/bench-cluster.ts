import { parseAddress } from '../src/address/address.ts';
import { startApiServer } from '../src/apiserver/api-server.ts';
import { RESOURCES } from '../src/apiserver/resource/resource-table.ts';
import { createServerCredentials } from '../src/apiserver/server-credentials.ts';
import { ObjectStore } from '../src/apiserver/store/object-store.ts';
import type { BackendName } from '../src/cluster/cluster-configuration.ts';
import { formatYaml } from '../src/error/yaml.ts';
import { checkCall, loadLibc } from '../src/kernel/libc.ts';
import type { NetworkNamespace } from '../src/kernel/network-namespace.ts';
import type { KubeObject } from '../src/kube/object.ts';
import { encodeSocketAddress } from '../src/probe/socket/socket-address.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../src/probe/socket/socket-calls.ts';
import { AgentProcess, type AgentRecording } from './agent-process.ts';
import type { BenchHost } from './host-pair.ts';

const AF_INET = 2;
const API_PORT = 6443;
const TOKEN = 'bench';

/** A Kubernetes API in this process, over TLS, on the loopback of each host; and the hosts' agents. */
export class BenchCluster implements AsyncDisposable {
  readonly #store: ObjectStore;
  readonly #close: () => Promise<void>;
  readonly #kubeconfig: string;
  readonly #backend: BackendName;
  readonly #agents: AgentProcess[] = [];

  private constructor(store: ObjectStore, close: () => Promise<void>, authority: string, backend: BackendName) {
    this.#store = store;
    this.#close = close;
    this.#backend = backend;
    this.#kubeconfig = formatKubeconfig(authority);
  }

  static async start(hosts: readonly BenchHost[], backend: BackendName): Promise<BenchCluster> {
    const store = new ObjectStore();
    const tls = await createServerCredentials(['127.0.0.1']);
    const listen = hosts.map(({ namespace }) => ({ fd: listeningSocket(namespace) }));
    const { close } = await startApiServer({ listen, token: TOKEN, tls, store });
    const cluster = new BenchCluster(store, close, tls.caCertificate, backend);
    for (const host of hosts) cluster.put('nodes', nodeObject(host.name, host.address, host.podPrefix));
    return cluster;
  }

  /** Stores an object as it is, with none of what the API checks and adds. */
  put(plural: 'nodes' | 'pods' | 'services' | 'endpointslices', object: KubeObject): void {
    const definition = RESOURCES.find((resource) => resource.plural === plural);
    if (definition === undefined) throw new TypeError(`no resource ${plural}`);
    const metadata = { uid: crypto.randomUUID(), creationTimestamp: new Date().toISOString(), ...object.metadata };
    this.#store.put(this.#store.collection(definition), JSON.parse(JSON.stringify({ ...object, metadata })));
  }

  /** Starts the host's agent, and resolves when pods can be attached. */
  async startAgent(host: BenchHost, recording: AgentRecording = {}): Promise<AgentProcess> {
    const agent = new AgentProcess(host, { kubeconfig: this.#kubeconfig, backend: this.#backend, ...recording });
    this.#agents.push(agent);
    await agent.ready();
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    await this.#close();
  }
}

export function nodeObject(
  name: string,
  address: string,
  podPrefix: string,
  annotations: Readonly<Record<string, string>> = {},
): KubeObject {
  const object = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
      annotations,
    },
    spec: { podCIDR: podPrefix, podCIDRs: [podPrefix] },
    status: {
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
    },
  };
  return object;
}

export function podObject(name: string, node: string, address?: string): KubeObject {
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name, labels: { app: 'web', 'pod-template-hash': '5d5c8f9b7c' } },
    spec: { nodeName: node, containers: [{ name: 'main', image: 'registry.example/web:1' }] },
    status: address === undefined ? {} : { phase: 'Running', podIP: address, podIPs: [{ ip: address }] },
  };
  return object;
}

/** Bound to the namespace's own loopback. */
function listeningSocket(namespace: NetworkNamespace): number {
  return namespace.run(() => {
    const fd = checkCall('open socket', loadLibc().socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const address = encodeSocketAddress({ address: parseAddress('127.0.0.1'), port: API_PORT });
    checkCall('bind socket', loadLibc().bind(fd, address, address.length));
    return fd;
  });
}

function formatKubeconfig(authority: string): string {
  const name = 'bench';
  const certificate = Buffer.from(authority).toString('base64');
  return formatYaml({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name, cluster: { server: `https://127.0.0.1:${API_PORT}`, 'certificate-authority-data': certificate } },
    ],
    users: [{ name, user: { token: TOKEN } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}
