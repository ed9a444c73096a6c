import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitraryFaults, arbitraryPackets } from './arbitrary.ts';
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
});
