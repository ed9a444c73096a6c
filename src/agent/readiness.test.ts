import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { type Condition, formatConditions, parseConditions, Readiness } from './readiness.ts';

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

  it('round-trips as text, a line a condition', () => {
    const condition = fc.record({
      name: fc.constantFrom('kernel', 'forwarding'),
      state: fc.constantFrom<Condition['state']>('ok', 'warning', 'failed'),
      message: fc.stringMatching(/^[a-z:; ]{1,20}$/),
    });
    const one = condition.map(({ name, state, message }) => ({ name, state, message: state === 'ok' ? '' : message }));
    fc.assert(fc.property(fc.array(one), (all) => assert.deepEqual(parseConditions(formatConditions(all)), all)));
    const text = formatConditions([{ name: 'kernel', state: 'failed', message: 'one\n  two' }]);
    assert.equal(text, '[-]kernel failed: one; two\n');
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
