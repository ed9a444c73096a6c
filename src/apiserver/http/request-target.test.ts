import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negotiateFormat } from './media-type.ts';
import { parseRequestTarget } from './request-target.ts';

function summary(path: string): unknown {
  const target = parseRequestTarget(path);
  if (target.kind !== 'resource') return target.kind;
  return [target.definition.plural, target.namespace, target.name, target.subresource];
}

test('paths name resources', () => {
  assert.deepEqual(summary('/api/v1/pods'), ['pods', '', '', '']);
  assert.deepEqual(summary('/api/v1/namespaces/a/pods/b/log'), ['pods', 'a', 'b', 'log']);
  assert.deepEqual(summary('/api/v1/namespaces/a'), ['namespaces', '', 'a', '']);
  assert.deepEqual(summary('/api/v1/namespaces/a/status'), ['namespaces', '', 'a', 'status']);
  assert.deepEqual(summary('/apis/apps/v1/namespaces/a/deployments/b/scale'), ['deployments', 'a', 'b', 'scale']);
  assert.deepEqual(summary('/api/v1/nodes/n%3A1'), ['nodes', '', 'n:1', '']);
});

test('paths of what is not served name nothing', () => {
  assert.equal(summary('/api/v1/namespaces/a/widgets'), 'virtual');
  assert.equal(summary('/api/v1/namespaces/a/nodes'), 'virtual');
  assert.equal(summary('/apis/batch.example/v1/jobs'), 'virtual');
  assert.equal(summary('/version'), 'other');
  assert.equal(summary('/apis/apps/v1'), 'other');
});

test('the best form that a client accepts is chosen', () => {
  const kubectl = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  assert.deepEqual(negotiateFormat(kubectl), { as: 'table', version: 'v1' });
  assert.deepEqual(negotiateFormat('application/vnd.kubernetes.protobuf,application/json'), { as: 'object' });
  assert.deepEqual(
    negotiateFormat('application/json;q=0.1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'),
    {
      as: 'metadata',
    },
  );
  assert.equal(negotiateFormat('application/vnd.kubernetes.protobuf'), undefined);
});
