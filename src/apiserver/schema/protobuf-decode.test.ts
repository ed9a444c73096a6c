import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProtobufWriter } from '../openapi/protobuf-writer.ts';
import { decodeProtobuf, openProtobufEnvelope } from './protobuf-decode.ts';

test('the envelope says what the body is', () => {
  const message = new ProtobufWriter()
    .message(1, (type) => type.bytes(1, 'v1').bytes(2, 'ConfigMap'))
    .bytes(2, 'raw')
    .finish();
  const { apiVersion, kind, raw } = openProtobufEnvelope(Buffer.concat([Buffer.from('k8s\0'), message]));
  assert.deepEqual([apiVersion, kind, Buffer.from(raw).toString()], ['v1', 'ConfigMap', 'raw']);
  assert.throws(() => openProtobufEnvelope(Buffer.from('{}')), TypeError);
});

test('maps, lists, embedded messages and zeros are read', () => {
  const volume = new ProtobufWriter()
    .bytes(1, 'v')
    .message(2, (source) => source.message(19, (map) => map.message(1, (reference) => reference.bytes(1, 'settings'))))
    .finish();
  assert.deepEqual(decodeProtobuf('core.Volume', volume), { name: 'v', configMap: { name: 'settings' } });
  const data = new ProtobufWriter()
    .message(1, (metadata) => metadata.bytes(1, 'a').bytes(2, ''))
    .message(2, (entry) => entry.bytes(1, 'k').bytes(2, 'v'))
    .finish();
  assert.deepEqual(decodeProtobuf('core.ConfigMap', data), { metadata: { name: 'a' }, data: { k: 'v' } });
  const spec = new ProtobufWriter().bool(1, false).bool(5, false).finish();
  assert.deepEqual(decodeProtobuf('apps.DeploymentSpec', spec), { replicas: 0 });
});

test('a number or a name stands for a port', () => {
  const port = (write: (value: ProtobufWriter) => void): unknown =>
    decodeProtobuf('core.ServicePort', new ProtobufWriter().message(4, write).finish()).targetPort;
  assert.equal(
    port((value) => value.bool(1, true).bytes(3, 'http')),
    'http',
  );
  assert.equal(
    port((value) => value.bool(1, false).bool(2, true)),
    1,
  );
});

test('a body that ends too early is refused', () => {
  assert.throws(() => decodeProtobuf('core.ConfigMap', Uint8Array.of(0x0a, 0x10, 0x01)), RangeError);
});
