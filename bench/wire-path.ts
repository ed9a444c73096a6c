import type { BackendName } from '../src/cluster/cluster-configuration.ts';
import { NetworkNamespace } from '../src/kernel/network-namespace.ts';
import { loadRules } from '../test/kernel/planned-network.ts';
import { configure, jsonIn, runIn } from '../test/namespace.ts';
import { BenchCluster } from './bench-cluster.ts';
import { CniCaller, type CniPlugin } from './cni-caller.ts';
import { waitUntil } from './deadline.ts';
import { type BenchHost, HostPair } from './host-pair.ts';
import { bridgePlugin } from './reference-plugin.ts';

/** Two ends that speak with one another across two hosts. */
export interface WirePath {
  readonly client: NetworkNamespace;
  readonly server: NetworkNamespace;
  /** The server's. */
  readonly address: string;
}

export interface WirePathOptions {
  /** For what the hosts keep; one of each path. */
  readonly directory: string;
  /** The program that starts plugins. */
  readonly spawner: string;
  /** Takes everything down in the end. */
  readonly stack: AsyncDisposableStack;
}

/** From host to host, with nothing of a pod network on either. */
export function rawPath({ directory, stack }: WirePathOptions): WirePath {
  const hosts = stack.use(new HostPair(directory));
  return { client: hosts.first.namespace, server: hosts.second.namespace, address: hosts.second.address };
}

/** From pod to pod as Flatnet wires them, by its agents and its CNI executable. */
export async function ownPath(options: WirePathOptions, backend: BackendName): Promise<WirePath> {
  const hosts = options.stack.use(new HostPair(options.directory));
  const cluster = options.stack.use(await BenchCluster.start(hosts.hosts, backend));
  const agents = await Promise.all(hosts.hosts.map((host) => cluster.startAgent(host)));
  for (const [{ namespace }, { podPrefix }] of eachWay(hosts))
    await waitUntil('the hosts know one another', () => {
      return jsonIn(namespace, 'ip', '-j', 'route', 'show', podPrefix).length > 0;
    });
  return await podPath(hosts, options, (host) => (agents[hosts.hosts.indexOf(host)] ?? fail()).plugin());
}

/** From pod to pod over bridges that masquerade, and routes between the hosts. */
export async function bridgePath(options: WirePathOptions): Promise<WirePath> {
  const hosts = options.stack.use(new HostPair(options.directory));
  const path = await podPath(hosts, options, (host) => bridgePlugin(host));
  for (const [host, peer] of eachWay(hosts))
    configure(host.namespace, [`route add ${peer.podPrefix} via ${peer.address}`]);
  return path;
}

/** From pod to pod over vxlan, as flannel 0.26 sets it up: its bridge plugin, its devices and its rules. */
export async function flannelPath(options: WirePathOptions): Promise<WirePath> {
  const hosts = options.stack.use(new HostPair(options.directory));
  const path = await podPath(hosts, options, (host) => bridgePlugin(host, { ipMasq: false, mtu: 1450 }));
  for (const { namespace, address, podPrefix } of hosts.hosts)
    configure(namespace, [
      `link add flannel.1 type vxlan id 1 dev eth0 local ${address} dstport 8472 nolearning`,
      'link set flannel.1 up',
      `addr add ${networkOf(podPrefix)}/32 dev flannel.1`,
    ]);
  for (const [host, peer] of eachWay(hosts)) {
    const mac = jsonIn(peer.namespace, 'ip', '-j', 'link', 'show', 'flannel.1')[0]?.address;
    const gateway = networkOf(peer.podPrefix);
    configure(host.namespace, [
      `route add ${peer.podPrefix} via ${gateway} dev flannel.1 onlink`,
      `neigh add ${gateway} lladdr ${mac} dev flannel.1 nud permanent`,
    ]);
    runIn(host.namespace, 'bridge', 'fdb', 'add', `${mac}`, 'dev', 'flannel.1', 'dst', peer.address);
    loadRules(host.namespace, flannelRules(host.podPrefix));
  }
  return path;
}

function fail(): never {
  throw new TypeError('a host without an agent');
}

function eachWay({ first, second }: HostPair) {
  return [
    [first, second],
    [second, first],
  ] as const;
}

/** Of 10.244.1.0/24: 10.244.1.0. */
function networkOf(prefix: string): string {
  return prefix.replace(/\/.*/, '');
}

/** A pod on each host, attached by the plugin. */
async function podPath(
  hosts: HostPair,
  { spawner, stack }: WirePathOptions,
  pluginOf: (host: BenchHost) => CniPlugin,
): Promise<WirePath> {
  const pods: { namespace: NetworkNamespace; address: string }[] = [];
  for (const host of hosts.hosts) {
    const container = { name: 'wire', namespacePath: host.createPod('wire') };
    await using caller = new CniCaller(spawner, host, pluginOf(host));
    await caller.add([container]);
    const namespace = stack.use(NetworkNamespace.open(container.namespacePath));
    pods.push({ namespace, address: caller.addressOf(container) });
  }
  const [client, server] = pods;
  if (client === undefined || server === undefined) throw new TypeError('a pair has two hosts');
  return { client: client.namespace, server: server.namespace, address: server.address };
}

/** What flannel's iptables manager asks for on a node, in nft's words. */
function flannelRules(podPrefix: string): string {
  return `table ip nat {
    chain FLANNEL-POSTRTG {
      meta mark & 0x4000 == 0x4000 return
      ip saddr ${podPrefix} ip daddr 10.244.0.0/16 return
      ip saddr 10.244.0.0/16 ip daddr ${podPrefix} return
      ip saddr != 10.244.0.0/16 ip daddr ${podPrefix} return
      ip saddr 10.244.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random
      ip saddr != 10.244.0.0/16 ip daddr 10.244.0.0/16 masquerade fully-random
    }
    chain POSTROUTING { type nat hook postrouting priority 100; jump FLANNEL-POSTRTG; }
  }
  table ip filter {
    chain FLANNEL-FWD {
      ip saddr 10.244.0.0/16 accept
      ip daddr 10.244.0.0/16 accept
    }
    chain FORWARD { type filter hook forward priority 0; jump FLANNEL-FWD; }
  }`;
}
