import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { parsePrefix } from '../../address/prefix.ts';
import { type ClusterRegistry, openClusterRegistry } from '../cluster-registry.ts';
import {
  type ApiObject,
  type JsonObject,
  objectAt,
  objectsAt,
  parseApiObject,
  stringAt,
  stringsAt,
} from '../json-value.ts';
import { createObject } from '../registry/create.ts';
import { deleteObject } from '../registry/delete.ts';
import { replaceObject } from '../registry/update.ts';
import { INTERNAL_WRITE } from '../registry/write-options.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { StatusError } from '../status-error.ts';
import { ObjectStore } from '../store/object-store.ts';

const SERVICES = storageDefinition('services');
let registry: ClusterRegistry | undefined;

afterEach(() => registry?.close());

function open(...prefixes: readonly string[]): ClusterRegistry {
  const nodePorts = { first: 30_000, last: 30_009 };
  const services = { prefixes: prefixes.map(parsePrefix), nodePorts };
  registry = openClusterRegistry({ store: new ObjectStore(), services, advertise: [], now: Date.now });
  return registry;
}

function create({ context }: ClusterRegistry, name: string, spec: JsonObject): ApiObject {
  const body = { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } };
  return parseApiObject(createObject(context, SERVICES, 'default', body, INTERNAL_WRITE).json);
}

function replace({ context }: ClusterRegistry, name: string, spec: JsonObject): ApiObject {
  const body = { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } };
  return parseApiObject(replaceObject(context, SERVICES, 'default', name, 'main', body, INTERNAL_WRITE).json);
}

function nodePorts(service: ApiObject): readonly unknown[] {
  return objectsAt(service, 'spec', 'ports').map((port) => port.nodePort);
}

test('the service kubernetes has the first address, and others come from the range', () => {
  const cluster = open('10.96.0.0/24');
  const kubernetes = cluster.context.store.collection(SERVICES).get('default/kubernetes');
  assert.equal(stringAt(parseApiObject(kubernetes?.json ?? '{}'), 'spec', 'clusterIP'), '10.96.0.1');
  const made = create(cluster, 'a', {});
  assert.match(stringAt(made, 'spec', 'clusterIP') ?? '', /^10\.96\.0\.\d+$/);
  assert.deepEqual(stringsAt(made, 'spec', 'ipFamilies'), ['IPv4']);
  assert.equal(stringAt(made, 'spec', 'ipFamilyPolicy'), 'SingleStack');
});

test('addresses outside the range, and those of others, are refused', () => {
  const cluster = open('10.96.0.0/24');
  create(cluster, 'a', { clusterIP: '10.96.0.10' });
  assert.throws(() => create(cluster, 'b', { clusterIP: '10.96.0.10' }), /provided IP is already allocated/);
  assert.throws(
    () => create(cluster, 'b', { clusterIP: '10.97.0.10' }),
    /not in the valid range. The range of valid IPs is 10.96.0.0\/24/,
  );
  assert.throws(() => create(cluster, 'b', { clusterIP: '10.96.0.255' }), StatusError);
  deleteObject(cluster.context, SERVICES, 'default', 'a', { dryRun: false });
  assert.equal(stringAt(create(cluster, 'b', { clusterIP: '10.96.0.10' }), 'spec', 'clusterIP'), '10.96.0.10');
});

test('a range gives out every address once, and then says that it is full', () => {
  const cluster = open('10.96.0.0/28');
  const given = new Set(['10.96.0.1']);
  for (let index = 0; index < 13; index++)
    given.add(stringAt(create(cluster, `s${index}`, {}), 'spec', 'clusterIP') ?? '');
  assert.equal(given.size, 14);
  assert.throws(() => create(cluster, 'last', {}), /range is full/);
});

test('two families are given as the policy asks', () => {
  const cluster = open('10.96.0.0/24', 'fd00:96::/112');
  const both = create(cluster, 'both', { ipFamilyPolicy: 'PreferDualStack' });
  assert.deepEqual(stringsAt(both, 'spec', 'ipFamilies'), ['IPv4', 'IPv6']);
  assert.equal(stringsAt(both, 'spec', 'clusterIPs').length, 2);
  const six = create(cluster, 'six', { ipFamilies: ['IPv6'] });
  assert.match(stringAt(six, 'spec', 'clusterIP') ?? '', /^fd00:96::/);
  const single = replace(cluster, 'both', { ipFamilyPolicy: 'SingleStack' });
  assert.deepEqual(stringsAt(single, 'spec', 'clusterIPs'), stringsAt(both, 'spec', 'clusterIPs').slice(0, 1));
  const again = replace(cluster, 'both', { ipFamilyPolicy: 'RequireDualStack' });
  assert.equal(stringsAt(again, 'spec', 'clusterIPs').length, 2);
  const other = open('10.96.0.0/24');
  assert.throws(() => create(other, 'x', { ipFamilyPolicy: 'RequireDualStack' }), /not configured for dual-stack/);
  assert.throws(() => create(other, 'x', { ipFamilies: ['IPv6'] }), /not configured on this cluster/);
});

test('headless and external services have no address', () => {
  const cluster = open('10.96.0.0/24');
  const headless = create(cluster, 'h', { clusterIP: 'None', selector: { a: 'b' } });
  assert.deepEqual(stringsAt(headless, 'spec', 'clusterIPs'), ['None']);
  const external = create(cluster, 'e', { type: 'ExternalName', externalName: 'example.com' });
  assert.equal(objectAt(external, 'spec')?.clusterIP, undefined);
});

test('node ports come from their range, are kept, and given back', () => {
  const cluster = open('10.96.0.0/24');
  const ports = [
    { name: 't', port: 53, protocol: 'TCP' },
    { name: 'u', port: 53, protocol: 'UDP' },
  ];
  const made = create(cluster, 'dns', { type: 'NodePort', ports });
  const [tcp, udp] = nodePorts(made);
  assert.equal(tcp, udp, 'one number for both protocols');
  assert.deepEqual(nodePorts(replace(cluster, 'dns', { type: 'NodePort', ports })), [tcp, udp]);
  const taken = [{ port: 80, nodePort: Number(tcp) }];
  assert.throws(() => create(cluster, 'x', { type: 'NodePort', ports: taken }), /provided port is already allocated/);
  const outside = [{ port: 80, nodePort: 40_000 }];
  assert.throws(() => create(cluster, 'x', { type: 'NodePort', ports: outside }), /valid ports is 30000-30009/);
  assert.deepEqual(nodePorts(replace(cluster, 'dns', { type: 'ClusterIP', ports })), [undefined, undefined]);
  assert.deepEqual(nodePorts(create(cluster, 'x', { type: 'NodePort', ports: taken })), [tcp]);
});

test('a service keeps its address when an update leaves it out, and may not change it', () => {
  const cluster = open('10.96.0.0/24');
  const made = create(cluster, 'a', {});
  assert.equal(stringAt(replace(cluster, 'a', {}), 'spec', 'clusterIP'), stringAt(made, 'spec', 'clusterIP'));
  assert.throws(() => replace(cluster, 'a', { clusterIP: '10.96.0.99' }), /may not change once set/);
});
