import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '#fast-check';
import { findResource, storageDefinition } from '../resource/resource-table.ts';
import { storedObject } from '../store/stored-object.ts';
import { checkFieldTerms, formatFieldSelector, matchesFields, parseFieldSelector } from './field-selector.ts';

test('formatting and parsing are inverse', () => {
  const term = fc.record(
    {
      field: fc.stringMatching(/^[a-z]{1,5}(\.[a-zA-Z]{1,5})?$/),
      equal: fc.boolean(),
      value: fc.stringMatching(/^[a-z,=\\./-]{0,10}$/),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(term), (terms) => {
      assert.deepEqual(parseFieldSelector(formatFieldSelector(terms)), terms);
    }),
  );
});

test('pods are found by node and phase, and by no field that is not told', () => {
  const pods = storageDefinition('pods');
  const object = { metadata: { namespace: 'a', name: 'x' }, spec: { nodeName: 'n1' }, status: { phase: 'Running' } };
  const stored = storedObject(pods, object, 1);
  const selects = (text: string): boolean => matchesFields(pods, parseFieldSelector(text), stored);
  assert.ok(selects('spec.nodeName=n1,status.phase!=Failed,status.phase!=Succeeded'));
  assert.ok(selects('metadata.name=x,metadata.namespace=a'));
  assert.ok(!selects('spec.nodeName='));
  assert.throws(() => checkFieldTerms(pods, parseFieldSelector('spec.foo=1')), {
    message: /field label not supported: spec.foo/,
  });
});

test('a field of events.k8s.io stands where its value in core/v1 does', () => {
  const [core, events] = [storageDefinition('events'), findResource('events.k8s.io', 'v1', 'events')];
  const event = { metadata: { namespace: 'a', name: 'x' }, involvedObject: { name: 'p' }, type: 'Warning' };
  const stored = storedObject(core, event, 1);
  assert.ok(events !== undefined && matchesFields(events, parseFieldSelector('regarding.name=p,type=Warning'), stored));
});
