import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeBackoff, RestartBackoff } from './restart-backoff.ts';

describe('the wait before a restart', () => {
  it('is none at first, then doubles from ten seconds up to five minutes', () => {
    const backoff = new RestartBackoff();
    const waits = Array.from({ length: 8 }, () => backoff.next(1000) / 1000);
    assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
  });

  it('is forgotten after ten good minutes', () => {
    const backoff = new RestartBackoff();
    backoff.next(0);
    backoff.next(0);
    assert.equal(backoff.next(600_000), 0);
    assert.equal(backoff.next(0), 10_000);
  });

  it('is told as Kubernetes tells it', () => {
    assert.equal(describeBackoff(40_000, 'c', 'p'), 'back-off 40s restarting failed container=c pod=p');
    assert.equal(describeBackoff(160_000, 'c', 'p'), 'back-off 2m40s restarting failed container=c pod=p');
  });
});
