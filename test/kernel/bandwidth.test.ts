import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { type Address, formatAddress } from '../../src/address/address.ts';
import type { Wiring } from '../../src/cni/attachment.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { addressOf } from '../../src/plan/peer-directory.ts';
import { renderNode } from '../../src/render/node.ts';
import { cluster, planOf } from './planned-cluster.ts';

/** Bytes sent, and bytes a second that are let through. */
const LENGTH = 2_000_000;
const RATE = 1_000_000;
/** How often others may try to be faster. */
const ATTEMPTS = 10;

/** Milliseconds by a clock that processes share. */
const NOW = `Number(process.hrtime.bigint() / 1000n) / 1000`;

/** Says when it listens, how much came over a connection, and when that ended. */
const TAKE = `
  const server = require('node:net').createServer((socket) => {
    let length = 0;
    socket.on('data', (data) => { length += data.length; });
    socket.on('end', () => { console.log(length, ${NOW}); server.close(); socket.end(); });
  }).listen(5000, '::', () => console.log('listens'));`;

/** Says when it begins. */
const SEND = `
  console.log(${NOW});
  require('node:net').connect(5000, process.argv[1]).end(Buffer.alloc(${LENGTH}))`;

function start(
  namespace: NetworkNamespace,
  ...args: readonly string[]
): ChildProcess & { stdout: NodeJS.ReadableStream } {
  return namespace.run(() => spawn(process.execPath, ['-e', ...args], { stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** Milliseconds that the transfer took. */
async function transfer(from: NetworkNamespace, to: NetworkNamespace, address: Address): Promise<number> {
  const taker = start(to, TAKE);
  await once(taker.stdout, 'data');
  const reports = [start(from, SEND, formatAddress(address)), taker].map(({ stdout }) => text(stdout));
  const [begun, report = ''] = await Promise.all(reports);
  const [length, ended = 0] = report.trim().split(' ').map(Number);
  assert.equal(length, LENGTH);
  return ended - Number(begun);
}

describe('bandwidth limits in the kernel', () => {
  for (const wiring of ['point-to-point', 'bridge'] as const satisfies readonly Wiring[]) {
    it(`${wiring}: hold what a pod sends and gets to its rate, in both families`, async (t) => {
      const { hosts, directory, settings } = await cluster(t, 'auto', [1], wiring);
      const [host] = hosts;
      assert.ok(host !== undefined);
      const limited = host.addPod({
        wiring,
        // what a runtime passes on that was told of rates alone
        bandwidth: {
          ingressRate: RATE * 8,
          ingressBurst: 2 ** 31 - 1,
          egressRate: RATE * 8,
          egressBurst: 2 ** 31 - 1,
        },
      });
      const desired = renderNode(planOf(host, directory, settings));
      await host.reconcile(desired);
      assert.deepEqual(await host.reconcile(desired), [], 'the kernel has what was planned');
      const [free, other] = host.pods;
      assert.ok(free !== undefined && other !== undefined);
      // the queue at the limit's end may let go a burst, and a window, faster
      const least = ((LENGTH - 200_000) / RATE) * 1000;
      for (const family of [4, 6] as const) {
        const at = (pod: typeof free) => addressOf(pod.attachment.addresses, family) ?? assert.fail();
        const sent = await transfer(limited.namespace, free.namespace, at(free));
        assert.ok(sent > least, `sent in ${sent} ms`);
        const got = await transfer(free.namespace, limited.namespace, at(limited));
        assert.ok(got > least, `got in ${got} ms`);
        // a busy machine may be slow, a limit always is
        const unlimited: number[] = [];
        while (unlimited.length < ATTEMPTS && !unlimited.some((milliseconds) => milliseconds < least))
          unlimited.push(await transfer(free.namespace, other.namespace, at(other)));
        assert.ok(Math.min(...unlimited) < least, `others in ${unlimited.join()} ms`);
      }
    });
  }
});
