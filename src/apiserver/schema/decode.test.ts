import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError, decodeStruct } from './decode.ts';

test('unknown fields are told and dropped, nulls and empty optional collections dropped', () => {
  const { value, unknown } = decodeStruct('core.Pod', {
    metadata: { name: 'a', creationTimestamp: null, labels: {} },
    spec: { containers: [{ name: 'c', imgae: 'x' }], volumes: [] },
    extra: 1,
  });
  assert.deepEqual(unknown, ['spec.containers[0].imgae', 'extra']);
  assert.deepEqual(value, { metadata: { name: 'a' }, spec: { containers: [{ name: 'c' }] } });
});

test('a required list stays though it is empty', () => {
  assert.deepEqual(decodeStruct('discovery.EndpointSlice', { endpoints: [] }).value, { endpoints: [] });
});

test('an empty selector stays, for it selects everything', () => {
  const spec = { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] };
  assert.deepEqual(decodeStruct('networking.NetworkPolicy', { spec }).value, { spec });
});

test('a wrong JSON type is refused in the words of Go', () => {
  assert.throws(() => decodeStruct('apps.Deployment', { spec: { replicas: 'two' } }), {
    message: 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  });
  assert.throws(() => decodeStruct('core.Secret', { data: { a: 'not base64!' } }), DecodeError);
});

test('amounts may be numbers, and ports names', () => {
  const spec = { containers: [{ name: 'c', resources: { limits: { cpu: 2 } } }] };
  const { value } = decodeStruct('core.Pod', { spec });
  assert.deepEqual(value.spec, { containers: [{ name: 'c', resources: { limits: { cpu: '2' } } }] });
  const service = { spec: { ports: [{ port: 80, targetPort: 'http' }] } };
  assert.deepEqual(decodeStruct('core.Service', service).value, service);
});
