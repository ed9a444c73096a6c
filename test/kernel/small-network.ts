/** Two hosts on one wire with a bridge and a pod each, as people set them up by hand: with host routes, or flannel's tunnel. */
import type { TestContext } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { collectDumps } from '../../src/kernel/snapshot-collector.ts';
import { configure, eventually, newNamespace, runIn, setSysctls } from '../namespace.ts';

export interface SmallHost {
  readonly name: string;
  readonly namespace: NetworkNamespace;
  readonly pod: NetworkNamespace;
  readonly address: string;
  readonly podAddress: string;
}

export interface SmallNetwork {
  readonly a: SmallHost;
  readonly b: SmallHost;
}

const MACS = ['02:00:00:00:ff:00', '02:00:00:00:ff:01'];

export async function smallNetwork(t: TestContext, path: 'host-gw' | 'vxlan'): Promise<SmallNetwork> {
  const wire = newNamespace(t);
  configure(wire, ['link add wire type bridge', 'link set wire up']);
  const [a, b] = [0, 1].map((number) => smallHost(t, wire, number)) as [SmallHost, SmallHost];
  for (const [number, host] of [a, b].entries()) connect(host, number, path);
  await eventually('the pods reach each other', () => pingsOnce(a.pod, b.podAddress));
  return { a, b };
}

export function pingsOnce(namespace: NetworkNamespace, address: string): boolean {
  try {
    runIn(namespace, 'busybox', 'ping', '-c', '1', '-W', '1', address);
    return true;
  } catch {
    return false;
  }
}

function handle({ fd }: NetworkNamespace): string {
  return `/proc/${process.pid}/fd/${fd}`;
}

function smallHost(t: TestContext, wire: NetworkNamespace, number: number): SmallHost {
  const namespace = newNamespace(t);
  const pod = newNamespace(t);
  const name = number === 0 ? 'a' : 'b';
  const address = `192.0.2.${number + 1}`;
  const podAddress = `10.244.${number}.2`;
  configure(wire, [
    `link add port${number} type veth peer name eth0 netns ${handle(namespace)}`,
    `link set port${number} master wire up`,
  ]);
  configure(namespace, [
    'link set lo up',
    'link set eth0 up',
    `address add ${address}/24 dev eth0`,
    'link add cni0 type bridge',
    'link set cni0 up',
    `address add 10.244.${number}.1/24 dev cni0`,
    `link add veth0 type veth peer name eth0 netns ${handle(pod)}`,
    'link set veth0 master cni0 up',
  ]);
  configure(pod, [
    'link set lo up',
    'link set eth0 up',
    `address add ${podAddress}/24 dev eth0`,
    `route add default via 10.244.${number}.1`,
  ]);
  const devices = ['all', 'default', 'eth0', 'cni0'];
  setSysctls(namespace, {
    'net.ipv4.ip_forward': '1',
    ...Object.fromEntries(devices.map((device) => [`net.ipv4.conf.${device}.rp_filter`, '0'])),
  });
  return { name, namespace, pod, address, podAddress };
}

function connect({ namespace, address }: SmallHost, number: number, path: 'host-gw' | 'vxlan'): void {
  const other = 1 - number;
  if (path === 'host-gw') {
    configure(namespace, [`route add 10.244.${other}.0/24 via 192.0.2.${other + 1}`]);
    return;
  }
  configure(namespace, [
    `link add flannel.1 address ${MACS[number]} type vxlan id 1 local ${address} dev eth0 dstport 8472 nolearning`,
    'link set flannel.1 up mtu 1450',
    `address add 10.244.${number}.0/32 dev flannel.1`,
    `route add 10.244.${other}.0/24 via 10.244.${other}.0 dev flannel.1 onlink`,
    `neigh add 10.244.${other}.0 lladdr ${MACS[other]} dev flannel.1 nud permanent`,
  ]);
  runIn(namespace, 'bridge', 'fdb', 'add', MACS[other] ?? '', 'dev', 'flannel.1', 'dst', `192.0.2.${other + 1}`);
}

/** The network as a snapshot has it. */
export function collected({ a, b }: SmallNetwork): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { name, namespace, pod } of [a, b])
    for (const [directory, its] of [
      [`${name}/`, namespace],
      [`${name}/pods/default/${name}/`, pod],
    ] as const)
      for (const [file, text] of collectDumps(its)) files.set(`${directory}${file}`, text);
  return files;
}
