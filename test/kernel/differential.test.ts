import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runDifferential } from '../differential/differential.ts';
import { IPTABLES_MISSING } from '../differential/iptables-loader.ts';
import { NFT_MISSING } from '../differential/nft-loader.ts';

/** Enough for a minute or two; `npm run test:differential -- --cases N` runs more, and from another seed each time. */
const CASES = 1000;
const SEED = 20_000;
/** Of a hundred packets, how many the model may have no answer for. */
const MOST_UNKNOWN = 1;

it('the model and the kernel agree on random hosts, rules and packets', (t) => {
  if (IPTABLES_MISSING !== false) t.diagnostic(`no case has iptables rules: ${IPTABLES_MISSING}`);
  if (NFT_MISSING !== false) t.diagnostic(`no case has tables in nft's words: ${NFT_MISSING}`);
  const { disagreements, cases, packets, unknown, delivered, refused, silent, cpuSeconds } = runDifferential({
    cases: CASES,
    seed: SEED,
  });
  t.diagnostic(
    `${cases} cases, ${packets} packets: ${delivered} delivered, ${refused} refused, ${silent} silent; ` +
      `${unknown} unknown; ${(cases / cpuSeconds).toFixed(0)} cases a second of CPU`,
  );
  assert.deepEqual(disagreements, []);
  assert.equal(cases, CASES);
  assert.ok(unknown * 100 <= packets * MOST_UNKNOWN, `the model can’t tell of ${unknown} packets among ${packets}`);
  for (const count of [delivered, refused, silent]) assert.ok(count > packets / 200, 'the cases are one-sided');
});
