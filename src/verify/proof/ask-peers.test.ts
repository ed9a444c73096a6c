import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryDispatched, arbitraryFaults, arbitraryPackets } from './arbitrary.ts';
import { askPeers } from './ask-peers.ts';
import { plannedCluster, withNft } from './planned-hosts.ts';
import { proofScene } from './prove-rules.ts';
import { toldAsWalked } from './told-as-walked.ts';
import { Unasked } from './unasked.ts';

describe('askPeers', () => {
  it('says of every packet what walking that very packet says', () => {
    fc.assert(
      fc.property(arbitraryFaults, arbitraryPackets, ({ hosts, fabric }, packets) => {
        const scene = proofScene(hosts, { fabric });
        const setting = { ...scene.setting, withSctp: true, unasked: () => new Unasked() };
        toldAsWalked({ ...scene, setting }, packets);
      }),
      { numRuns: 40 },
    );
  });

  it('says of every packet what walking it says where the packets of each pod are led to rules of its own', () => {
    fc.assert(
      fc.property(arbitraryDispatched, arbitraryPackets, ({ hosts, fabric }, packets) => {
        toldAsWalked(proofScene(hosts, { fabric }), packets);
      }),
      { numRuns: 60 },
    );
  });

  it('tells that it does not know where rules compute with ports, and each is a sort of its own', () => {
    const { hosts } = plannedCluster({ hosts: 2, pods: 1, backend: 'host-gw', families: [4] });
    const text = 'table inet f { chain c { type filter hook forward priority 10; tcp dport & 3 == 3 drop; } }';
    const { groups, setting } = proofScene(withNft(hosts, 'node-1', text), {});
    const [from, to] = groups.filter(({ kind }) => kind === 'pod');
    assert.ok(from !== undefined && to !== undefined);
    const findings = [...askPeers({ ...setting, mostSorts: 50 }, from, to)];
    const last = findings.at(-1)?.reach;
    assert.equal(findings.length, 51);
    assert.deepEqual(last?.kind === 'unknown' && last.doubts.map(({ what }) => what), [
      'rules tell more than 50 sorts of packets to pod/node-1/0 apart',
    ]);
  });
});
