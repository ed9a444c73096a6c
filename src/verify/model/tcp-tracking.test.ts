import assert from 'node:assert/strict';
import { it } from 'node:test';
import { nextTcpState, type TcpState } from './tcp-tracking.ts';

const [FIN, SYN, RST, ACK] = [1, 2, 4, 16];

it('follows a connection from its first packet to its last', () => {
  const said = [
    ['original', SYN, 'syn-sent'],
    ['reply', SYN | ACK, 'syn-received'],
    ['original', ACK, 'established'],
    ['reply', FIN | ACK, 'fin-wait'],
    ['original', ACK, 'close-wait'],
    ['original', FIN | ACK, 'last-ack'],
    ['reply', ACK, 'time-wait'],
  ] as const;
  let state: TcpState | undefined;
  for (const [direction, flags, expected] of said) {
    const next = nextTcpState(state, direction, flags);
    assert.equal(next, expected);
    state = expected;
  }
});

it('takes for invalid what begins no connection, and what no packet bears', () => {
  for (const flags of [SYN | ACK, RST, FIN, 0, SYN | FIN])
    assert.equal(nextTcpState(undefined, 'original', flags), 'invalid');
  assert.equal(nextTcpState(undefined, 'original', ACK), 'established');
  assert.equal(nextTcpState('syn-sent', 'original', ACK), 'invalid');
  assert.equal(nextTcpState('established', 'original', SYN), 'ignored');
});
