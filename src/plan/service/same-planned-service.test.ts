import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { fc } from '#fast-check';
import type { ClusterService, ServiceEndpoint } from '../../cluster/cluster-state.ts';
import { arbitraryServiceEvent } from './arbitrary.ts';
import { planService } from './plan-service.ts';
import { isSamePlannedService } from './same-planned-service.ts';

/** What a service of a few events has come to, planned on one of two nodes. */
const planned = fc
  .tuple(fc.array(arbitraryServiceEvent, { minLength: 1, maxLength: 4 }), fc.constantFrom('node-0', 'node-1'))
  .map(([events, node]) => {
    let service: ClusterService | undefined;
    let endpoints: readonly ServiceEndpoint[] = [];
    for (const event of events) {
      if (event.kind === 'service') service = { ...event.service, name: 'a' };
      if (event.kind === 'endpoints') endpoints = event.endpoints;
    }
    return service && planService(service, endpoints, { node, zone: 'east' });
  });

describe('isSamePlannedService', () => {
  it('says what comparing everything says', () => {
    fc.assert(
      fc.property(planned, planned, (left, right) => {
        assert.equal(isSamePlannedService(left, right), isDeepStrictEqual(left, right));
        assert.ok(isSamePlannedService(left, structuredClone(left)));
      }),
      { numRuns: 500 },
    );
  });
});
