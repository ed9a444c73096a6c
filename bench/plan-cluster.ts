/**
 * Plans every node of a large cluster as a HostState, one after another, each with thirty pods, and looks one route up in
 * it; prints the peak of this process's memory, which it uses as an agent does, and what it took, as JSON.
 *
 *     node bench/plan-cluster.ts NODES
 */
import { addToAddress } from '../src/address/address.ts';
import { limitYoungSpace } from '../src/agent/agent-memory.ts';
import { plannedFleet } from '../src/verify/proof/fleet/planned-fleet.ts';
import { readProcess } from './process-usage.ts';

limitYoungSpace();
const count = Number(process.argv[2]);
const start = performance.now();
const fleet = plannedFleet({ hosts: count, pods: 30, families: [4], backend: 'auto' });
let reached = 0;
for (let place = 0; place < count; place++) {
  const { root } = fleet.host(place);
  const peer = { family: 4, value: (10n << 24n) + (BigInt((place + 1) % count) << 8n) } as const;
  reached += [...root.routes.find(addToAddress(peer, 9))].length > 0 ? 1 : 0;
}
const milliseconds = performance.now() - start;
console.log(JSON.stringify({ reached, milliseconds, peak: readProcess(process.pid).peak }));
