import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { it } from 'node:test';
import { NetlinkSocket } from '../../src/kernel/netlink/netlink-socket.ts';
import { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { readNetworkState } from '../../src/kernel/network-state-reader.ts';
import { ClusterLab, POD_ON_EACH_HOST } from './cluster-lab.ts';

const HOSTS = 50;
/** Milliseconds that a busy machine may take to start them; half a minute is the aim on two cores of one's own. */
const DEADLINE = 600_000;
/** `gc_thresh3`, past which other namespaces of the machine get errors. */
const NEIGHBOUR_LIMIT = 1024;

/** The network namespaces of a lab, the fabric's, hosts' and pods': held, for processes come and go. */
function namespacesOf(processes: readonly number[], stack: DisposableStack): readonly NetworkNamespace[] {
  const found = new Map<string, NetworkNamespace>();
  for (const pid of processes) {
    const file = `/proc/${pid}/ns/net`;
    try {
      const name = readlinkSync(file);
      if (!found.has(name)) found.set(name, stack.use(NetworkNamespace.open(file)));
    } catch {
      // it has just ended
    }
  }
  return [...found.values()];
}

function passingNeighbours(namespace: NetworkNamespace): number {
  using socket = NetlinkSocket.open('route', { namespace });
  const { neighbours } = readNetworkState(socket, { namespace, sysctls: [] });
  return Iterator.from(neighbours.rows()).reduce(
    (count, { state }) => count + (state === 'permanent' || state === 'noarp' ? 0 : 1),
    0,
  );
}

it('fifty hosts hold the three rules, and share the table of neighbours', async (t) => {
  const started = performance.now();
  const hosts = Array.from({ length: HOSTS }, (_, index) => ({ name: `node-${index + 1}` }));
  const lab = await ClusterLab.start(t, { hosts }, [POD_ON_EACH_HOST], DEADLINE);
  t.diagnostic(
    `${HOSTS} hosts with a pod each were ready after ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  assert.match(lab.lab.output, /hosts up \d+\/51[\s\S]*nodes ready 50\/50[\s\S]*pods ready 50\/50/);

  const before = performance.now();
  const { status, stdout, stderr } = lab.lab.user.run(['verify']);
  assert.equal(status, 0, stdout);
  assert.match(stderr, /probes (\d+)\/\1/);
  t.diagnostic(`verify took ${((performance.now() - before) / 1000).toFixed(1)} s`);

  using stack = new DisposableStack();
  const namespaces = namespacesOf(lab.lab.processes, stack);
  assert.ok(namespaces.length > 2 * HOSTS, `${namespaces.length} namespaces were found`);
  const count = namespaces.reduce((sum, namespace) => sum + passingNeighbours(namespace), 0);
  t.diagnostic(`${count} neighbour entries of ${namespaces.length} namespaces aren't permanent`);
  assert.ok(count < NEIGHBOUR_LIMIT / 2, `${count} neighbour entries aren't permanent`);
});
