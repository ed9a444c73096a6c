/**
 * Plans all nodes of a large cluster, one host at a time and thirty pods on each, and proves the three rules for all pairs;
 * prints what it took, as JSON.
 *
 *     node bench/proof/prove-cluster.ts NODES ipv4|dual auto|host-gw|vxlan|cloud
 */
import type { BackendName } from '../../src/cluster/cluster-configuration.ts';
import { plannedFleet } from '../../src/verify/proof/fleet/planned-fleet.ts';
import { proveFleet } from '../../src/verify/proof/fleet/prove-fleet.ts';
import { readProcess } from '../process-usage.ts';

const PODS_PER_NODE = 30;
const BACKENDS: Readonly<Record<string, BackendName>> = {
  auto: 'auto',
  'host-gw': 'host-gw',
  vxlan: 'vxlan',
  cloud: 'cloud',
};

const [nodes = '', families = '', name = ''] = process.argv.slice(2);
const backend = BACKENDS[name];
if (backend === undefined) throw new Error(`there is no backend ${name}`);
const start = performance.now();
const fleet = plannedFleet({
  hosts: Number(nodes),
  pods: PODS_PER_NODE,
  families: families === 'dual' ? [4, 6] : [4],
  backend,
  // without a router that knows pods they must all be neighbours
  ...(backend === 'host-gw' && { onSubnet: Number(nodes) }),
});
const { verdict, rules } = proveFleet(fleet);
const milliseconds = performance.now() - start;
const { user, system } = process.cpuUsage();
const pairs = rules.filter(({ rule }) => rule !== 'same-address').reduce((sum, { checked }) => sum + checked, 0);
console.log(
  JSON.stringify({
    verdict,
    pairs,
    milliseconds,
    processor: (user + system) / 1e3,
    peak: readProcess(process.pid).peak,
  }),
);
