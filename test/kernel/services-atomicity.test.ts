import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatAddress } from '../../src/address/address.ts';
import type { Family } from '../../src/address/family.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { missing } from './planned-cluster.ts';
import { service, servingCluster } from './planned-services.ts';
import { virtual } from './service-site.ts';

const PROGRAM = path.join(import.meta.dirname, 'connect-loop.ts');
const PORT = 7002;
const CHANGES = 10_000;
/** Of other services, in turn: each change meets another one of them. */
const OTHERS = 41;
/** Behind them: never who is behind the service that is asked for. */
const PODS = [
  [0, 0],
  [0, 1],
  [1, 1],
] as const;

/** One end of the connections, once it is ready. */
async function start(
  t: TestContext,
  namespace: NetworkNamespace,
  ...options: readonly string[]
): Promise<ChildProcess> {
  const child = namespace.run(() =>
    spawn(process.execPath, [PROGRAM, ...options], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  t.after(() => child.kill('SIGKILL'));
  const [first] = await once(child.stdout ?? assert.fail(), 'data');
  assert.equal(String(first).trim(), 'ready');
  return child;
}

describe('the tables of services while they change', { skip: missing(['nft']) }, () => {
  it(`lead every connection of a tight loop rightly through ${CHANGES} changes of other services`, async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const ports = new Map([['stream', { port: PORT, protocol: 'tcp' as const }]]);
    site.serve(service('web', 10, { affinityTimeout: 30 }), [1, 0, { ports }]);
    site.serve(service('plain', 11), [1, 0, { ports }]);
    const server = await start(t, site.pod(1, 0), 'serve', 'web', String(PORT));
    const connect = (from: NetworkNamespace, number: number, family: Family) =>
      start(t, from, 'connect', 'web', '80', formatAddress(virtual(number, family)));
    const clients = await Promise.all([connect(site.pod(0, 0), 11, 4), connect(site.host(0), 10, 6)]);
    for (let count = 0; count < CHANGES; count++) {
      const number = 20 + (count % OTHERS);
      const kind = Math.floor(count / OTHERS) % 4;
      const rest = [{}, { affinityTimeout: 10 }, { externalPolicy: 'Local' } as const, { affinityTimeout: 20 }][kind];
      site.change(0, service(`other-${number}`, number, rest), ...PODS.slice(count % (PODS.length + 1)));
      if (count % 20 === 0) await nextTurn();
    }
    for (const client of clients) {
      const output = once(client.stdout ?? assert.fail(), 'data');
      client.stdin?.end();
      const { count, troubles } = JSON.parse(String((await output)[0]));
      assert.deepEqual(troubles, [], `of ${count}`);
      assert.ok(count > 100, `only ${count} connections in all that time`);
      t.diagnostic(`${count} connections`);
    }
    server.stdin?.end();
  });
});
