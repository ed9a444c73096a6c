import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import { planMisledFlows, planStaleFlows } from './plan-conntrack.ts';
import type { PlannedService, PoolEndpoint } from './service-plan.ts';

const FIRST: PoolEndpoint = { address: parseAddress('10.244.0.5'), port: 5353, local: true };
const SECOND: PoolEndpoint = { address: parseAddress('10.244.1.5'), port: 5353, local: false };
const VIRTUAL = parseAddress('10.96.0.10');

function planned(protocol: 'tcp' | 'udp', endpoints: readonly PoolEndpoint[]): PlannedService {
  const shared = { family: 4 as const, protocol, pool: 'dns', name: 'default/dns' };
  return {
    pools: [{ id: 'dns', family: 4, protocol, endpoints, whenEmpty: 'reject' }],
    fronts: [
      { ...shared, kind: 'address', role: 'cluster', address: VIRTUAL, port: 53, reach: 'everyone' },
      { ...shared, kind: 'node-port', port: 30053, policy: 'Cluster', reach: 'everyone' },
    ],
  };
}

describe('planStaleFlows', () => {
  it('names the flows of an endpoint that has gone, at each front, and no others', () => {
    const endpoint = { address: SECOND.address, port: 5353 };
    assert.deepEqual(planStaleFlows(planned('udp', [FIRST, SECOND]), planned('udp', [FIRST])), [
      { family: 4, protocol: 'udp', destination: VIRTUAL, destinationPort: 53, endpoint },
      { family: 4, protocol: 'udp', destinationPort: 30053, endpoint },
    ]);
  });

  it('names the flows that were not translated once there is a first endpoint', () => {
    assert.deepEqual(planStaleFlows(planned('udp', []), planned('udp', [FIRST])), [
      { family: 4, protocol: 'udp', destination: VIRTUAL, destinationPort: 53 },
      { family: 4, protocol: 'udp', destinationPort: 30053 },
    ]);
    assert.equal(planStaleFlows(undefined, planned('udp', [FIRST])).length, 2);
  });

  it('names the flows to all endpoints of a service that has gone', () => {
    assert.equal(planStaleFlows(planned('udp', [FIRST, SECOND]), undefined).length, 4);
  });

  it('names none for one endpoint more, and never any of TCP', () => {
    assert.deepEqual(planStaleFlows(planned('udp', [FIRST]), planned('udp', [FIRST, SECOND])), []);
    assert.deepEqual(planStaleFlows(planned('tcp', [FIRST]), undefined), []);
  });
});

describe('planMisledFlows', () => {
  it('names, for each destination, all flows but those to its endpoints', () => {
    const exceptTo = [{ address: FIRST.address, port: 5353 }];
    assert.deepEqual(planMisledFlows(planned('udp', [FIRST])), [
      { family: 4, protocol: 'udp', destination: VIRTUAL, destinationPort: 53, exceptTo },
      { family: 4, protocol: 'udp', destinationPort: 30053, exceptTo },
    ]);
    assert.deepEqual(planMisledFlows(planned('tcp', [FIRST])), []);
  });
});
