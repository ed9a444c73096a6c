import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress, sameAddress } from '../address/address.ts';
import type { Flow } from '../kernel/conntrack/flow.ts';
import type { StaleFlows } from '../plan/service/plan-conntrack.ts';
import { staleFlowDeletion } from './stale-flow-deletion.ts';

const UDP = 17;
const NODE = parseAddress('10.1.0.1');

/** A flow from a pod to a destination, answered by somebody. */
function flow(destination: string, port: number, answering: string, from: number, protocol = UDP): Flow {
  const client = parseAddress('10.244.0.9');
  return {
    original: {
      source: client,
      sourcePort: 40000,
      destination: parseAddress(destination),
      destinationPort: port,
      protocol,
    },
    reply: {
      source: parseAddress(answering),
      sourcePort: from,
      destination: client,
      destinationPort: 40000,
      protocol,
    },
    status: 0,
    mark: 0,
    zone: 0,
    timeout: 30,
    id: 1,
  };
}

const FLOWS = {
  toFirst: flow('10.96.0.10', 53, '10.244.0.5', 5353),
  toSecond: flow('10.96.0.10', 53, '10.244.1.5', 5353),
  toOtherPort: flow('10.96.0.10', 54, '10.244.1.5', 5353),
  overTcp: flow('10.96.0.10', 53, '10.244.1.5', 5353, 6),
  direct: flow('10.244.1.5', 5353, '10.244.1.5', 5353),
  nodePort: flow('10.1.0.1', 30053, '10.244.1.5', 5353),
  untranslated: flow('10.1.0.1', 30053, '10.1.0.1', 30053),
  samePortElsewhere: flow('192.0.2.1', 30053, '192.0.2.1', 30053),
};

/** The names of the flows that go. */
function deleted(stale: Partial<StaleFlows> & { readonly destinationPort: number }): readonly string[] {
  const names: string[] = [];
  const table = {
    *find(matches: (one: Flow) => boolean) {
      const found: Flow[] = [];
      for (const one of Object.values(FLOWS)) {
        if (matches(one)) found.push(one);
        yield;
      }
      return found;
    },
    delete: (flows: readonly Flow[]) => {
      for (const [name, one] of Object.entries(FLOWS)) if (flows.includes(one)) names.push(name);
      return flows.length;
    },
  };
  const deletion = staleFlowDeletion(table, [{ family: 4, protocol: 'udp', ...stale }], (address) =>
    sameAddress(address, NODE),
  );
  for (const _ of deletion);
  return names;
}

describe('staleFlowDeletion', () => {
  const destination = parseAddress('10.96.0.10');
  const endpoint = { address: parseAddress('10.244.1.5'), port: 5353 };

  it('deletes the flows of one endpoint at one front, and nothing else', () => {
    assert.deepEqual(deleted({ destination, destinationPort: 53, endpoint }), ['toSecond']);
    assert.deepEqual(deleted({ destinationPort: 30053, endpoint }), ['nodePort']);
  });

  it('deletes what was not translated at a node port, and nothing of others who have that port', () => {
    assert.deepEqual(deleted({ destinationPort: 30053 }), ['untranslated']);
  });

  it('deletes all flows but those to some endpoints', () => {
    assert.deepEqual(deleted({ destination, destinationPort: 53, exceptTo: [endpoint] }), ['toFirst']);
    assert.deepEqual(deleted({ destinationPort: 30053, exceptTo: [] }), ['nodePort', 'untranslated']);
  });

  it('lets others have their turn between some hundred flows', () => {
    const flows = Array.from({ length: 450 }, () => FLOWS.toSecond);
    const batches: number[] = [];
    const table = {
      // biome-ignore lint/correctness/useYield: it is all there is
      *find() {
        return flows;
      },
      delete: (some: readonly Flow[]) => batches.push(some.length),
    };
    const steps = staleFlowDeletion(
      table,
      [{ family: 4, protocol: 'udp', destinationPort: 53, endpoint }],
      () => false,
    );
    const seen = Array.from(steps, () => batches.length);
    assert.deepEqual(batches, [200, 200, 50]);
    assert.deepEqual(seen, [1, 2, 3]);
  });
});
