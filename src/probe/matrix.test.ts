import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../address/address.ts';
import { type MatrixProbe, type Participant, planMatrix } from './matrix.ts';

function participant(kind: Participant['kind'], id: string, ...addresses: string[]): Participant {
  return { kind, id, namespace: { run: (action) => action() }, addresses: addresses.map(parseAddress) };
}

function describeProbe({ from, to, protocol, source, target }: MatrixProbe): string {
  const origin = source === undefined ? from.id : `${from.id} ${formatAddress(source)}`;
  return `${protocol} ${origin} > ${to.id} ${formatAddress(target)}`;
}

const a = participant('pod', 'a', '10.0.0.1', 'fd00::1');
const b = participant('pod', 'b', '10.0.0.2', 'fd00::2');
const m = participant('node', 'm', '192.0.2.1');
const n = participant('node', 'n', '192.0.2.2');

describe('the plan of the matrix', () => {
  it('has every ordered pair of pods in every family and protocol', () => {
    const probes = [...planMatrix({ participants: [a, b] })].map(describeProbe);
    assert.deepEqual(probes.toSorted(), [
      'tcp a > b 10.0.0.2',
      'tcp a > b fd00::2',
      'tcp b > a 10.0.0.1',
      'tcp b > a fd00::1',
      'udp a > b 10.0.0.2',
      'udp a > b fd00::2',
      'udp b > a 10.0.0.1',
      'udp b > a fd00::1',
    ]);
  });

  it('lets nodes speak from each of their sources, to pods only', () => {
    const probes = [...planMatrix({ participants: [a, m, n], protocols: ['udp'], families: [4] })].map(describeProbe);
    assert.deepEqual(probes.toSorted(), [
      'udp a > m 192.0.2.1',
      'udp a > n 192.0.2.2',
      'udp m 192.0.2.1 > a 10.0.0.1',
      'udp m > a 10.0.0.1',
      'udp n 192.0.2.2 > a 10.0.0.1',
      'udp n > a 10.0.0.1',
    ]);
  });

  it('sends nothing in a family that the sender has no address of', () => {
    const probes = [...planMatrix({ participants: [a, m], protocols: ['tcp'], families: [6] })].map(describeProbe);
    assert.deepEqual(probes, []);
  });

  it('keeps sender and receiver of neighbouring probes apart', () => {
    const pods = Array.from({ length: 9 }, (_, index) => participant('pod', `p${index}`, `10.0.0.${index + 1}`));
    const probes = [...planMatrix({ participants: pods, protocols: ['tcp'] })];
    assert.equal(probes.length, 72);
    for (let start = 0; start + 9 <= probes.length; start += 9) {
      const round = probes.slice(start, start + 9);
      assert.equal(new Set(round.map(({ from }) => from)).size, 9);
      assert.equal(new Set(round.map(({ to }) => to)).size, 9);
    }
  });
});
