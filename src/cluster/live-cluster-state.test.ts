import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import type { EndpointSlice } from '../kube/objects/endpoint-slice.ts';
import type { Node } from '../kube/objects/node.ts';
import type { Service } from '../kube/objects/service.ts';
import { buildClusterState } from './build-cluster-state.ts';
import { parseClusterEndpointSlice } from './cluster-endpoint-slice.ts';
import { parseClusterNode } from './cluster-node.ts';
import { parseClusterService } from './cluster-service.ts';
import { LiveClusterState } from './live-cluster-state.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', 'bad');

const node = fc.record({ name, address }).map(({ name, address }): Node => {
  const status = { addresses: [{ type: 'InternalIP' as const, address }] };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status };
});

const service = fc
  .record({ name, clusterIP: fc.constantFrom('10.96.0.1', 'None', 'bad'), port: fc.integer({ min: 80, max: 82 }) })
  .map(({ name, clusterIP, port }): Service => {
    const metadata = { namespace: 'default', name };
    return { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP, ports: [{ port }] } };
  });

const slice = fc
  .record({
    name,
    service: name,
    addressType: fc.constantFrom('IPv4' as const, 'IPv6' as const, 'FQDN' as const),
    endpoints: fc.array(
      fc.record({
        addresses: fc.array(address, { minLength: 1, maxLength: 1 }),
        conditions: fc.record({ ready: fc.boolean() }),
      }),
      { maxLength: 3 },
    ),
    ports: fc.constantFrom(null, [{ name: 'http', port: 80 }], [{ port: 81 }]),
  })
  .map(({ name, service, ...rest }): EndpointSlice => {
    const metadata = { namespace: 'default', name, labels: { 'kubernetes.io/service-name': service } };
    return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, ...rest };
  });

const step = fc.oneof(
  fc.record({ kind: fc.constant('node' as const), object: node, gone: fc.boolean() }),
  fc.record({ kind: fc.constant('service' as const), object: service, gone: fc.boolean() }),
  fc.record({ kind: fc.constant('slice' as const), object: slice, gone: fc.boolean() }),
);

describe('LiveClusterState', () => {
  it('equals the full computation after any history, and names every change', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const live = new LiveClusterState();
        const nodes = new Map<string, Node>();
        const services = new Map<string, Service>();
        const slices = new Map<string, EndpointSlice>();
        const full = () =>
          buildClusterState({
            nodes: [...nodes.values()],
            services: [...services.values()],
            endpointSlices: [...slices.values()],
          });
        for (const { kind, object, gone } of steps) {
          const before = full();
          const key = kind === 'node' ? object.metadata.name : `default/${object.metadata.name}`;
          if (kind === 'node') {
            gone ? nodes.delete(key) : nodes.set(key, object);
            live.applyNode(key, gone ? undefined : parseClusterNode(object));
          } else if (kind === 'service') {
            gone ? services.delete(key) : services.set(key, object);
            live.applyService(key, gone ? undefined : parseClusterService(object));
          } else {
            gone ? slices.delete(key) : slices.set(key, object);
            live.applyEndpointSlice(key, gone ? undefined : parseClusterEndpointSlice(object));
          }
          const after = full();
          assert.deepEqual(live.state, after.state);
          assert.deepEqual(new Set(live.findings), new Set(after.findings));
          assertChangesNamed(live, before.state, after.state);
        }
      }),
    );
  });

  it('takes a change that the network does not notice for none', () => {
    const live = new LiveClusterState();
    const plain: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a', resourceVersion: '1' } };
    assert.equal(live.applyNode('a', parseClusterNode(plain)), true);
    live.takeChanges();
    const touched = { ...plain, metadata: { name: 'a', resourceVersion: '2' } };
    assert.equal(live.applyNode('a', parseClusterNode(touched)), false);
    assert.equal(live.takeChanges().nodes.size, 0);
  });
});

type State = ReturnType<typeof buildClusterState>['state'];

function assertChangesNamed(live: LiveClusterState, before: State, after: State): void {
  const changes = live.takeChanges();
  for (const kind of ['nodes', 'services', 'endpoints'] as const) {
    const keys = new Set<string>([...before[kind].keys(), ...after[kind].keys()]);
    for (const key of keys) {
      try {
        assert.deepEqual(before[kind].get(key), after[kind].get(key));
      } catch {
        assert.ok(changes[kind].has(key), `${kind} ${key} has changed`);
      }
    }
  }
}
