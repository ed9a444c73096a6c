import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import type { AskedPort } from '../asked-port.ts';
import { boxHolds } from './box.ts';
import { judgedBoxes } from './judged-boxes.ts';

const ASKED: readonly AskedPort[] = [
  { protocol: 'tcp', port: 30080 },
  { protocol: 'udp', port: 53, addresses: [parseAddress('10.1.2.3'), parseAddress('fd00::3')] },
];
const ALL = { low: 0n, high: (1n << 32n) - 1n };
const PORTS = { low: 1n, high: 65535n };
const BOX = {
  protocol: { low: 0n, high: 255n },
  sourcePort: PORTS,
  destinationPort: PORTS,
  source: ALL,
  destination: ALL,
};

const judged = (protocol: bigint, destinationPort: bigint, to: string) => {
  const point = { protocol, destinationPort, sourcePort: 40000n, source: 1n, destination: parseAddress(to).value };
  return judgedBoxes(BOX, ASKED, 4).filter((box) => boxHolds(box, point)).length;
};

describe('the packets to nodes that are judged', () => {
  it('are not those to ports that were asked for', () => {
    assert.equal(judged(6n, 30080n, '10.1.2.3'), 0, 'at every address');
    assert.equal(judged(17n, 53n, '10.1.2.3'), 0);
  });

  it('are all others, each once', () => {
    assert.equal(judged(17n, 30080n, '10.1.2.3'), 1, 'the same port of another protocol');
    assert.equal(judged(17n, 53n, '10.1.2.4'), 1, 'the same port of another address');
    assert.equal(judged(6n, 80n, '10.1.2.3'), 1);
    assert.equal(judged(1n, 80n, '10.1.2.3'), 1);
  });
});
