import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Condition, Readiness } from './readiness.ts';

describe('readiness', () => {
  it('is ready once nothing has failed, warnings aside', () => {
    const readiness = new Readiness(['api', 'network']);
    assert.equal(readiness.failed?.name, 'api');
    readiness.set('api', 'ok');
    readiness.set('network', 'warning', 'FORWARD drops');
    assert.equal(readiness.ready, true);
    assert.equal(readiness.format(), '[+]api ok\n[!]network warning: FORWARD drops\nreadyz check passed\n');
    readiness.set('api', 'failed', 'gone');
    assert.equal(readiness.format(), '[-]api failed: gone\n[!]network warning: FORWARD drops\nreadyz check failed\n');
  });

  it('tells of changes only', () => {
    const changes: Condition[] = [];
    const readiness = new Readiness(['api'], (condition) => changes.push(condition));
    readiness.set('api', 'ok');
    readiness.set('api', 'ok');
    readiness.set('api', 'failed', 'gone');
    assert.deepEqual(
      changes.map(({ state }) => state),
      ['ok', 'failed'],
    );
  });
});
