import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeApi } from '../../test/kube/fake-api.ts';
import { refuse } from '../../test/kube/scripted-server.ts';
import { runAsLeader } from './leader-election.ts';
import { ManualClock } from './manual-clock.ts';
import { LEASES } from './resource.ts';

const LEASE = { namespace: 'kube-system', name: 'flatnet-controller' };

/** A candidate whose terms are told by promises. */
function candidate(api: FakeApi, identity: string, clock: ManualClock) {
  const stop = new AbortController();
  const began = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const lead = (signal: AbortSignal) => {
    began.resolve();
    return new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => {
        ended.resolve();
        resolve();
      }),
    );
  };
  const running = runAsLeader({ client: api.client, ...LEASE, identity, clock, signal: stop.signal, lead });
  return { stop, began: began.promise, ended: ended.promise, running };
}

/** Lets a clock run in small steps, so that everything due gets its turn, until `promise` is settled. */
async function runClock(clock: ManualClock, promise: Promise<unknown>): Promise<void> {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  promise.then(mark, mark);
  while (!settled) {
    if (clock.sleeping > 0) clock.advance(500);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function holder(api: FakeApi): string | undefined {
  return api.stored(LEASES, LEASE)?.spec?.holderIdentity;
}

describe('runAsLeader', () => {
  it('lets one lead, and the next as soon as it gives up', async () => {
    await using api = await FakeApi.start();
    const clock = new ManualClock();
    const first = candidate(api, 'one', clock);
    await first.began;
    const second = candidate(api, 'two', clock);
    while (clock.sleeping < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(holder(api), 'one');
    first.stop.abort();
    await first.running;
    await runClock(clock, second.began);
    assert.equal(holder(api), 'two');
    assert.equal(api.stored(LEASES, LEASE)?.spec?.leaseTransitions, 1);
    second.stop.abort();
    await second.running;
    assert.equal(holder(api), '');
  });

  it('takes over from a leader that fell silent, only after its whole lease', async () => {
    await using api = await FakeApi.start();
    await api.client.create(LEASES, {
      metadata: LEASE,
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2000-01-01T00:00:00.000000Z' },
    });
    const clock = new ManualClock();
    const start = clock.now();
    const next = candidate(api, 'next', clock);
    await runClock(clock, next.began);
    assert.ok(clock.now() - start >= 15_000);
    assert.equal(holder(api), 'next');
    next.stop.abort();
    await next.running;
  });

  it('ends its term when it cannot renew in time', async () => {
    await using api = await FakeApi.start();
    const clock = new ManualClock();
    const leader = candidate(api, 'one', clock);
    await leader.began;
    const start = clock.now();
    api.intercept = (_, response) => {
      refuse(response, 503, 'ServiceUnavailable');
      return true;
    };
    await runClock(clock, leader.ended);
    assert.ok(clock.now() - start < 15_000);
    leader.stop.abort();
    await leader.running;
  });

  it('passes on what the leader throws', async () => {
    await using api = await FakeApi.start();
    const options = { client: api.client, ...LEASE, identity: 'one', signal: new AbortController().signal };
    const running = runAsLeader({
      ...options,
      lead: async () => {
        throw new Error('bug');
      },
    });
    await assert.rejects(running, /bug/);
  });
});
