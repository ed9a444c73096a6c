import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import type { EndpointSlice, SliceEndpoint } from '../../kube/objects/endpoint-slice.ts';
import { planEndpointSlices, SLICE_CAPACITY } from './plan-endpoint-slices.ts';
import type { EndpointGroup } from './service-endpoints.ts';

function group(count: number, port = 80, first = 0): EndpointGroup {
  const addresses = Array.from(
    { length: count },
    (_, index) => `10.0.${(first + index) >> 8}.${(first + index) & 255}`,
  );
  const endpoints = new Map(addresses.map((address): [string, SliceEndpoint] => [address, { addresses: [address] }]));
  return { addressType: 'IPv4', ports: [{ name: 'http', port, protocol: 'TCP' }], endpoints };
}

/** The slices after a plan has been carried out. */
function carryOut(present: readonly EndpointSlice[], groups: readonly EndpointGroup[]): readonly EndpointSlice[] {
  const plan = planEndpointSlices(present, groups);
  const updated = new Map(plan.update.map((slice) => [slice.metadata.name, slice]));
  const removed = new Set(plan.remove.map(({ metadata }) => metadata.name));
  const taken = new Set(present.map(({ metadata }) => metadata.name));
  const created = plan.create.map((slice, index): EndpointSlice => {
    let name = `slice-${index}`;
    while (taken.has(name)) name += 'x';
    taken.add(name);
    return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name }, ...slice };
  });
  return [
    ...present
      .filter(({ metadata }) => !removed.has(metadata.name))
      .map((slice) => updated.get(slice.metadata.name) ?? slice),
    ...created,
  ];
}

function sizes(slices: readonly EndpointSlice[]): readonly number[] {
  return slices.map(({ endpoints }) => endpoints?.length ?? 0).sort((left, right) => left - right);
}

describe('planEndpointSlices', () => {
  it('fills slices up to their capacity', () => {
    assert.deepEqual(sizes(carryOut([], [group(250)])), [50, 100, 100]);
  });

  it('touches one slice for one endpoint', () => {
    const slices = carryOut([], [group(250)]);
    const plan = planEndpointSlices(slices, [group(251)]);
    assert.deepEqual([plan.create.length, plan.update.length, plan.remove.length], [0, 1, 0]);
    const removal = planEndpointSlices(slices, [group(249, 80, 1)]);
    assert.deepEqual([removal.create.length, removal.update.length, removal.remove.length], [0, 1, 0]);
  });

  it('keeps one empty slice of a service without endpoints', () => {
    const empty = carryOut(carryOut([], [group(150)]), [group(0)]);
    assert.deepEqual(sizes(empty), [0]);
    assert.deepEqual(planEndpointSlices(empty, [group(0)]), { create: [], update: [], remove: [] });
  });

  it('holds exactly what is wanted after any history, and then has nothing to do', () => {
    const arbitraryGroup = fc
      .record({ count: fc.nat(260), first: fc.nat(100), port: fc.constantFrom(80, 81) })
      .map(({ count, first, port }) => group(count, port, first));
    fc.assert(
      fc.property(fc.array(arbitraryGroup, { minLength: 1, maxLength: 6 }), (history) => {
        let slices: readonly EndpointSlice[] = [];
        for (const wanted of history) {
          slices = carryOut(slices, [wanted]);
          const present = slices.flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses));
          assert.deepEqual(present.sort(), [...wanted.endpoints.keys()].sort());
          assert.ok(slices.every(({ endpoints }) => (endpoints?.length ?? 0) <= SLICE_CAPACITY));
          assert.deepEqual(planEndpointSlices(slices, [wanted]), { create: [], update: [], remove: [] });
        }
      }),
    );
  });
});
