import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import type { BandwidthLimit } from '../cni/attachment.ts';
import { BURST_STEP } from '../host/row-text.ts';
import { attachment, plannedHost } from '../plan/arbitrary.ts';
import { renderBandwidth } from './bandwidth.ts';

const HOST = plannedHost({ number: 1, subnet: 1, families: [4], backend: 'auto' });

function rendered(bandwidth: BandwidthLimit) {
  return renderBandwidth(attachment(HOST, 1, { bandwidth }));
}

describe('a bandwidth limit', () => {
  it('stands on the host for what goes to the pod, and in the pod for what it sends', () => {
    const { host, pod } = rendered({ ingressRate: 8_000_000, egressRate: 16_000_000, egressBurst: 8 * 40_960 });
    const bucket = { kind: 'tbf', handle: 0x10000, latency: 25_000 };
    assert.deepEqual(host, [{ ...bucket, device: 'veth1', rate: 1_000_000, burst: 65_536 }]);
    assert.deepEqual(pod, [{ ...bucket, device: 'eth0', rate: 2_000_000, burst: 40_960 }]);
  });

  it('is none in a direction for which none is asked', () => {
    assert.deepEqual(rendered({}), { host: [], pod: [] });
    assert.deepEqual(rendered({ egressRate: 8000 }).host, []);
  });

  it('has a burst that holds the limit up for no longer than the kernel can tell', () => {
    const amount = fc.integer({ min: 1, max: 2 ** 36 });
    fc.assert(
      fc.property(amount, fc.option(amount, { nil: undefined }), (ingressRate, ingressBurst) => {
        const [bucket] = rendered({ ingressRate, ...(ingressBurst !== undefined && { ingressBurst }) }).host;
        assert.ok(bucket?.kind === 'tbf');
        assert.equal(bucket.burst % BURST_STEP, 0);
        assert.ok(bucket.burst <= 2 ** 31);
        assert.ok(bucket.burst <= bucket.rate * 274 + BURST_STEP);
      }),
    );
  });

  it('takes the largest burst there is for no wish at all', () => {
    const [bucket] = rendered({ ingressRate: 80_000_000, ingressBurst: 2 ** 31 - 1 }).host;
    assert.ok(bucket?.kind === 'tbf');
    assert.equal(bucket.burst, 122 * BURST_STEP);
  });
});
