import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { shapedBandwidth } from './bandwidth.ts';
import { parseQuantity } from './quantity.ts';

describe('quantities', () => {
  it('have decimal and binary suffixes', () => {
    const values = { '1': 1, '500m': 0.5, '10M': 1e7, '1.5Gi': 1.5 * 2 ** 30, '1e3': 1000, '.5k': 500, '-2': -2 };
    for (const [text, value] of Object.entries(values)) assert.equal(parseQuantity(text), value, text);
  });

  it('are refused where they are none', () => {
    for (const text of ['', 'M', '1 M', '10MB', '1x', '0x10'])
      assert.throws(
        () => parseQuantity(text),
        (error) => isFlatnetError(error, 'invalid'),
        text,
      );
  });
});

describe('bandwidth annotations', () => {
  it('limit each direction apart', () => {
    const limits = shapedBandwidth({ 'kubernetes.io/ingress-bandwidth': '10M' });
    assert.deepEqual(limits, { ingressRate: 10_000_000, ingressBurst: 2 ** 31 - 1 });
    assert.equal(shapedBandwidth({ 'kubernetes.io/egress-bandwidth': '1k' })?.egressRate, 1000);
    assert.equal(shapedBandwidth({}), undefined);
  });
});
