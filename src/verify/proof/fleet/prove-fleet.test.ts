import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { VerifyReport } from '../../report.ts';
import { arbitraryFaults } from '../arbitrary.ts';
import { plannedCluster } from '../planned-hosts.ts';
import { proveRules } from '../prove-rules.ts';
import { fleetOf } from './fleet.ts';
import { proveFleet } from './prove-fleet.ts';

/** What two proofs must agree on: of hosts alike one stands for all, so names may differ. */
function tellingOf({ rules }: VerifyReport): object {
  return rules.map(({ rule, verdict, checked, violations, unknown }) => ({
    rule,
    verdict,
    checked,
    broken: violations.reduce((sum, { pairs }) => sum + pairs, 0),
    isUnknown: unknown.length > 0,
  }));
}

describe('proveFleet', () => {
  it('tells of clusters with any faults what is told when each pair is asked about', () => {
    fc.assert(
      fc.property(arbitraryFaults, ({ hosts, fabric }) => {
        const fleet = tellingOf(proveFleet(fleetOf(hosts, { fabric })));
        assert.deepEqual(fleet, tellingOf(proveRules(hosts, { fabric })));
      }),
      { numRuns: 60 },
    );
  });

  for (const backend of ['auto', 'host-gw', 'vxlan', 'cloud'] as const)
    it(`tells of a planned cluster with ${backend} what is told when each pair is asked about`, () => {
      const { hosts, fabric } = plannedCluster({ hosts: 7, pods: 3, backend, families: [4, 6] });
      const fleet = tellingOf(proveFleet(fleetOf(hosts, { fabric })));
      assert.deepEqual(fleet, tellingOf(proveRules(hosts, { fabric })));
    });
});
