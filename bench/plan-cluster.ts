/**
 * Plans every node of a large cluster as a HostState, one after another, each with thirty pods, and looks one route up in
 * it; prints the peak of this process's memory and what it took, as JSON.
 *
 *     node bench/plan-cluster.ts NODES
 */
import { addToAddress } from '../src/address/address.ts';
import { announcedDirectory, attachment, nodeInput, plannedHost } from '../src/plan/arbitrary.ts';
import { outlineNode } from '../src/plan/plan-node.ts';
import { planHostState } from '../src/render/planned-host.ts';
import { readProcess } from './process-usage.ts';

const PODS_PER_NODE = 30;
const NODES_PER_SUBNET = 250;

const count = Number(process.argv[2]);
const hosts = Array.from({ length: count }, (_, number) => {
  const host = plannedHost({
    number: number % NODES_PER_SUBNET,
    subnet: Math.floor(number / NODES_PER_SUBNET),
    families: [4],
    backend: 'auto',
  });
  // 10.128.0.0/9 is large enough for a /24 a node
  const prefix = {
    address: { family: 4, value: (10n << 24n) + (1n << 23n) + BigInt(number << 8) },
    length: 24,
  } as const;
  return { ...host, node: { ...host.node, name: `node-${number}`, podPrefixes: [prefix] } };
});

const start = performance.now();
const directory = announcedDirectory(hosts);
let reached = 0;
for (const [number, host] of hosts.entries()) {
  const attachments = Array.from({ length: PODS_PER_NODE }, (_, pod) => attachment(host, pod));
  const { plan } = outlineNode(nodeInput(host, directory, { attachments }));
  const peer = hosts[(number + 1) % count]?.node.podPrefixes[0]?.address;
  if (plan === undefined || peer === undefined) throw new Error(`node ${number} cannot be planned`);
  const { root } = planHostState(plan, host.facts);
  reached += [...root.routes.find(addToAddress(peer, 9))].length > 0 ? 1 : 0;
}
const milliseconds = performance.now() - start;
console.log(JSON.stringify({ reached, milliseconds, peak: readProcess(process.pid).peak }));
