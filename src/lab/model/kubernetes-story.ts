import { parseAddress } from '../../address/address.ts';
import type { BackendName } from '../../cluster/cluster-configuration.ts';
import type { Wiring } from '../../cni/attachment.ts';
import type { LabStatus, PodStatus } from '../lab-status.ts';
import { OUTSIDE, type Story, type StoryPacket, type StoryStep } from './story.ts';

/** What each backend does to bring a packet for a pod from one node to another, and where to look at it. */
const WAYS: Readonly<Record<BackendName, readonly string[]>> = {
  auto: [
    'Nodes on one subnet have a route to the range of each other, by the other node as gateway. Between subnets packets go wrapped',
    'in UDP from node to node (flannel.1), as the router knows of no pod. To look at it:',
    '  $ flatnet lab exec node/node-1 -- ip route',
  ],
  'host-gw': [
    'Every node has a route to the range of each other, by the other node as gateway. Nothing is wrapped; all nodes must be on one',
    'subnet, as a router between them would know of no pod. To look at it:',
    '  $ flatnet lab exec node/node-1 -- ip route',
  ],
  vxlan: [
    'Every node wraps packets for the range of another in UDP, from its own address to that of the other (flannel.1), where they',
    'are unwrapped. The network between sees nodes only, and the packet inside stays as it is. To look at it:',
    '  $ flatnet lab exec node/node-1 -- bridge fdb show dev flannel.1',
  ],
  cloud: [
    'The fabric has a route to each range, which leads to its node: on GCE an advanced route, and an instance that may forward. A',
    'node sends whatever is not its own to its gateway, and knows nothing of the others. To look at it:',
    '  $ flatnet lab exec fabric -- ip route',
  ],
};

const WIRINGS: Readonly<Record<Wiring, readonly string[]>> = {
  bridge: [
    'Each node has a bridge, cbr0, with the first address of its range, and all its pods on it: pods of one node are neighbours on',
    'one link, and so is their node. To look at it:',
    '  $ flatnet lab exec node/node-1 -- ip address show cbr0',
  ],
  'point-to-point': [
    'Each pod hangs on a pair of links of its own, with a route to it on its node, and its node as gateway. (A bridge on the',
    'range, cbr0, is the other wiring.) To look at it:',
    '  $ flatnet lab exec node/node-1 -- ip route',
  ],
};

export interface KubernetesStoryOptions {
  readonly backend: BackendName;
  readonly wiring: Wiring;
}

/** What a cluster of the lab shows; for pods that the built-in server stands in for. */
export function kubernetesStory(status: LabStatus, { backend, wiring }: KubernetesStoryOptions): Story {
  const hosts = status.hosts.map(
    ({ name, addresses, podPrefixes }) => `  ${name}  ${addresses.join(' ')}  pods ${podPrefixes.join(' ')}`,
  );
  const cast = castOf(status);
  return {
    title: `Kubernetes' model, with ${backend === 'auto' ? 'routes, and an overlay where they end' : backend}`,
    text: ['Every pod is to have one address that is good for everybody. Four parts bring that about.'],
    steps:
      cast === undefined
        ? []
        : [
            rangeStep(hosts, cast),
            wiringStep(WIRINGS[wiring], cast),
            wayStep(WAYS[backend], cast),
            ...outsideStep(cast),
          ],
  };
}

/** Who takes part: a pod that calls, its neighbours on its node, a pod on each other node. */
interface Cast {
  readonly caller: PodStatus;
  readonly node: string;
  readonly neighbour?: PodStatus;
  readonly remote: readonly PodStatus[];
  readonly outside?: string;
}

function castOf({ pods, hosts, internet: [outside] }: LabStatus): Cast | undefined {
  const servers = pods.filter(({ ports, addresses }) => ports.length > 0 && addresses.length > 0);
  const [caller] = servers;
  if (caller === undefined) return undefined;
  const neighbour = servers.find((pod) => pod !== caller && pod.node === caller.node);
  const others = hosts.filter(({ name }) => name !== caller.node);
  return {
    caller,
    node: caller.node,
    ...(neighbour !== undefined && { neighbour }),
    remote: others.flatMap(({ name }) => servers.find(({ node }) => node === name) ?? []),
    ...(outside !== undefined && { outside }),
  };
}

function rangeStep(hosts: readonly string[], { caller, remote }: Cast): StoryStep {
  return {
    title: 'A range of its own for every node',
    text: ['A node gives its pods addresses out of a range that no other node has:', ...hosts],
    packets: remote.slice(0, 1).flatMap((pod) => call(podId(caller), pod)),
    moral:
      'This serves rule 3: since no two ranges overlap, an address means one pod in the whole cluster, and whoever is called sees the address that the caller sees on itself. Docker gives all hosts the same range.',
  };
}

function wiringStep(wiring: readonly string[], { caller, node, neighbour }: Cast): StoryStep {
  const packets = [caller, ...(neighbour === undefined ? [] : [neighbour])].flatMap((pod) => call(`node/${node}`, pod));
  return {
    title: 'The node is a neighbour of its pods',
    text: wiring,
    packets: [...packets, ...(neighbour === undefined ? [] : call(podId(caller), neighbour))],
    moral:
      'This serves rules 1 and 2 within a node: pods of one node reach each other, and their node reaches them and is reached, without NAT and without a port being published.',
  };
}

function wayStep(way: readonly string[], { caller, node, remote }: Cast): StoryStep {
  return {
    title: 'A way to the range of every other node',
    text: way,
    packets: [
      ...remote.flatMap((pod) => call(podId(caller), pod)),
      ...remote.slice(0, 1).flatMap((pod) => call(`node/${node}`, pod)),
    ],
    moral:
      'This serves rules 1 and 2 between nodes. Take the way to one range away, and the pods of that node are reached by their own node only.',
  };
}

function outsideStep({ caller, outside }: Cast): readonly StoryStep[] {
  if (outside === undefined) return [];
  return [
    {
      title: 'NAT for what goes to the outside, and for nothing else',
      text: ['The outside has no way back to a pod, so that the address of the node stands for it there:'],
      packets: [{ from: podId(caller), address: parseAddress(outside), port: 80, meant: OUTSIDE }],
      moral:
        'That nothing else is masqueraded serves all three rules: a pod that reached other nodes under the address of its own would be seen under an address that it does not have.',
    },
  ];
}

function podId({ namespace, name }: PodStatus): string {
  return `pod/${namespace}/${name}`;
}

function call(from: string, pod: PodStatus): readonly StoryPacket[] {
  const [address] = pod.addresses.map(parseAddress).sort((left, right) => left.family - right.family);
  return address === undefined ? [] : [{ from, address, port: pod.ports[0] ?? 80, meant: podId(pod) }];
}
