import { randomBytes } from 'node:crypto';
import { type Address, formatAddress } from '../address/address.ts';
import type { Prefix } from '../address/prefix.ts';
import { DEFAULT_SERVICE_RANGES } from '../apiserver/admission/service-ranges.ts';
import { startApiServer } from '../apiserver/api-server.ts';
import { startClusterControllers } from '../apiserver/controllers/start-cluster-controllers.ts';
import { startClusterDns } from '../apiserver/dns/start-cluster-dns.ts';
import { createServerCredentials } from '../apiserver/server-credentials.ts';
import type { PodStreams } from '../apiserver/streams/pod-streams.ts';
import { formatYaml } from '../error/yaml.ts';
import type { KubeConnection } from '../kube/credentials/kube-connection.ts';
import { fixedToken } from '../kube/credentials/token-source.ts';
import { KubeClient } from '../kube/kube-client.ts';

/** TCP port of the API on the fabric. */
const API_PORT = 6443;
const DNS_PORT = 53;

/** What the names of services and pods end with. */
export const CLUSTER_DOMAIN = 'cluster.local';

export interface ControlPlaneOptions {
  /** Of the fabric; the API listens on each. */
  readonly addresses: readonly Address[];
  /** What services get addresses from. */
  readonly servicePrefixes: readonly Prefix[];
  readonly podStreams: PodStreams;
  /** Told of what a controller could not do, and will try again. */
  readonly onError: (error: unknown) => void;
}

/** The lab's Kubernetes API and how to reach it. */
export interface ControlPlane {
  /** The API's port on the fabric's addresses. */
  readonly port: number;
  /** What a pod's service account has. */
  readonly access: { readonly token: string; readonly certificateAuthority: string };
  /** A client of it, with the rights of an administrator. The caller closes it. */
  client(userAgent: string): KubeClient;
  /** A kubeconfig for whoever reaches the API at `server`, a URL. */
  kubeconfig(cluster: string, server: string): string;
  /** A kubeconfig for processes of the fabric and its hosts. */
  readonly fabricKubeconfig: string;
  close(): Promise<void>;
}

const hostInUrl = (address: Address) => (address.family === 6 ? `[${formatAddress(address)}]` : formatAddress(address));

/** Starts the API, and the controllers and the name server of a small cluster, in this process. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const [first] = options.addresses;
  if (first === undefined) throw new Error('the fabric has no address for the API');
  const token = randomBytes(24).toString('base64url');
  const hosts = options.addresses.map(formatAddress);
  const tls = await createServerCredentials([...hosts, '127.0.0.1', 'localhost', 'kubernetes.default.svc']);
  const server = await startApiServer({
    listen: hosts.map((host) => ({ host, port: API_PORT })),
    token,
    tls,
    services: { ...DEFAULT_SERVICE_RANGES, prefixes: options.servicePrefixes },
    advertise: hosts.map((address) => ({ address, port: API_PORT })),
    podStreams: options.podStreams,
  });
  const kubeconfig = (cluster: string, url: string) => formatKubeconfig(cluster, url, tls.caCertificate, token);
  const url = `https://${hostInUrl(first)}:${API_PORT}`;
  const connection: KubeConnection = {
    server: new URL(url),
    certificateAuthority: Buffer.from(tls.caCertificate),
    token: fixedToken(token),
  };
  const stop = new AbortController();
  const client = new KubeClient(connection, 'flatnet-controllers');
  const controllers = startClusterControllers({
    client,
    signal: stop.signal,
    onError: (_controller, _key, error) => options.onError(error),
  });
  const dns = await startClusterDns({
    client,
    listen: hosts.map((host) => ({ host, port: DNS_PORT })),
    domain: CLUSTER_DOMAIN,
    servers: hosts,
    signal: stop.signal,
    onError: options.onError,
  });
  return {
    port: API_PORT,
    access: { token, certificateAuthority: tls.caCertificate },
    client: (userAgent) => new KubeClient(connection, userAgent),
    kubeconfig,
    fabricKubeconfig: kubeconfig('lab', url),
    async close() {
      stop.abort();
      await Promise.all([controllers.finished, dns.close()]);
      client.close();
      await server.close();
    },
  };
}

function formatKubeconfig(cluster: string, server: string, authority: string, token: string): string {
  const name = `flatnet-${cluster}`;
  return formatYaml({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(authority).toString('base64') } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}
