import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePrefix } from '../address/prefix.ts';
import { canonicalRule } from './canonical-rule.ts';
import type { Expression, Literal, Statement, TableFamily } from './node.ts';

const number = (value: number): Literal => ({ kind: 'number', value });
const is = (left: Expression, literal: Literal): Statement => ({
  kind: 'match',
  operator: '==',
  left,
  right: { kind: 'literal', literal },
});
const l4proto: Expression = { kind: 'meta', key: 'l4proto' };
const nfproto: Expression = { kind: 'meta', key: 'nfproto' };
const tcpFlags: Expression = { kind: 'payload', field: 'tcp flags' };
const source: Expression = { kind: 'payload', field: 'ip saddr' };
const ten: Literal = { kind: 'prefix', prefix: parsePrefix('10.0.0.0/8') };

function canonical(family: TableFamily, ...statements: Statement[]): readonly Statement[] {
  return canonicalRule({ statements }, family).statements;
}

describe('canonicalRule', () => {
  it('leaves out what a header implies, right before it', () => {
    assert.deepEqual(canonical('inet', is(nfproto, number(2)), is(source, ten)), [is(source, ten)]);
    assert.deepEqual(canonical('ip', is(l4proto, number(6)), is(tcpFlags, number(2))), [is(tcpFlags, number(2))]);
  });

  it('keeps what a header does not imply', () => {
    const other = [is(l4proto, number(17)), is(tcpFlags, number(2))];
    assert.deepEqual(canonical('ip', ...other), other);
    const apart = [is(l4proto, number(6)), { kind: 'counter' } as const, is(tcpFlags, number(2))];
    assert.deepEqual(canonical('ip', ...apart), apart);
    const ports = [is(l4proto, number(6)), is({ kind: 'payload', field: 'th dport' }, number(80))];
    assert.deepEqual(canonical('ip', ...ports), ports);
  });

  it('says what is so by default', () => {
    assert.deepEqual(canonical('ip', { kind: 'reject' }), [{ kind: 'reject', with: 'port-unreachable' }]);
    assert.deepEqual(canonical('ip', { kind: 'limit', rate: 1, per: 'hour', over: false }), [
      { kind: 'limit', rate: 1, per: 'hour', burst: 5, over: false, unit: 'packets' },
    ]);
  });

  it('takes a set of one for the value, and flags in a set for their bits', () => {
    assert.deepEqual(
      canonical('ip', {
        kind: 'match',
        operator: '==',
        left: source,
        right: { kind: 'set', elements: [{ key: [ten] }] },
      }),
      [is(source, ten)],
    );
    const state: Expression = { kind: 'ct', key: 'state' };
    assert.deepEqual(
      canonical('ip', {
        kind: 'match',
        operator: 'in',
        left: state,
        right: { kind: 'set', elements: [{ key: [number(2)] }, { key: [number(4)] }] },
      }),
      [{ kind: 'match', operator: 'in', left: state, right: { kind: 'literal', literal: number(6) } }],
    );
  });

  it('forgets what a counter has counted', () => {
    assert.deepEqual(canonical('ip', { kind: 'counter', packets: 5n, bytes: 300n }), [{ kind: 'counter' }]);
  });
});
