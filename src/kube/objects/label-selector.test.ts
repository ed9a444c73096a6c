import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LabelSelector } from '../object.ts';
import { formatLabelSelector, labelSelectorMatches } from './label-selector.ts';

describe('label selectors', () => {
  it('pick as the API defines it: an empty one all, an absent one none', () => {
    assert.ok(labelSelectorMatches({}, {}));
    assert.ok(!labelSelectorMatches(undefined, {}));
    const selector: LabelSelector = {
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['front', 'edge'] },
        { key: 'env', operator: 'NotIn', values: ['test'] },
        { key: 'owner', operator: 'Exists' },
        { key: 'debug', operator: 'DoesNotExist' },
      ],
    };
    const labels = { app: 'web', tier: 'edge', owner: 'me' };
    assert.ok(labelSelectorMatches(selector, labels));
    const misfits: readonly Record<string, string>[] = [
      { env: 'test' },
      { debug: '' },
      { tier: 'back' },
      { app: 'db' },
    ];
    for (const other of misfits) assert.ok(!labelSelectorMatches(selector, { ...labels, ...other }));
    assert.equal(formatLabelSelector(selector), 'app=web,tier in (front,edge),env notin (test),owner,!debug');
  });
});
