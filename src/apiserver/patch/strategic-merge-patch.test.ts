import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

const SPEC = {
  containers: [
    { name: 'a', image: 'one', env: [{ name: 'X', value: '1' }] },
    { name: 'b', image: 'two' },
  ],
  tolerations: [{ key: 'k' }],
  nodeSelector: { disk: 'ssd' },
};

function patched(patch: Parameters<typeof applyStrategicMergePatch>[2]): ReturnType<typeof applyStrategicMergePatch> {
  return applyStrategicMergePatch('core.PodSpec', SPEC, patch);
}

test('lists with a merge key are merged by it, others replaced', () => {
  const result = patched({
    containers: [{ name: 'a', image: 'new', env: [{ name: 'Y', value: '2' }] }, { name: 'c' }],
    tolerations: [],
  });
  assert.deepEqual(result.containers, [
    {
      name: 'a',
      image: 'new',
      env: [
        { name: 'X', value: '1' },
        { name: 'Y', value: '2' },
      ],
    },
    { name: 'b', image: 'two' },
    { name: 'c' },
  ]);
  assert.deepEqual(result.tolerations, []);
});

test('directives delete, replace and order', () => {
  assert.deepEqual(patched({ containers: [{ name: 'a', $patch: 'delete' }] }).containers, [
    { name: 'b', image: 'two' },
  ]);
  assert.deepEqual(patched({ containers: [{ name: 'z' }, { $patch: 'replace' }] }).containers, [{ name: 'z' }]);
  const order = patched({ '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] });
  assert.deepEqual(order.containers, [SPEC.containers[1], SPEC.containers[0]]);
  assert.equal('nodeSelector' in patched({ nodeSelector: { $patch: 'delete' } }), false);
  assert.deepEqual(patched({ nodeSelector: { $patch: 'replace', a: 'b' } }).nodeSelector, { a: 'b' });
});

test('retained keys push the others out', () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } };
  const patch = { strategy: { $retainKeys: ['type'], type: 'Recreate' } };
  assert.deepEqual(applyStrategicMergePatch('apps.DeploymentSpec', { strategy }, patch), {
    strategy: { type: 'Recreate' },
  });
});

test('scalars are merged as a set and taken out of it', () => {
  const metadata = { finalizers: ['a', 'b'] };
  const result = applyStrategicMergePatch('meta.ObjectMeta', metadata, {
    finalizers: ['c', 'a'],
    '$deleteFromPrimitiveList/finalizers': ['b'],
  });
  assert.deepEqual(result, { finalizers: ['a', 'c'] });
});

test('null removes, and nothing is changed in place', () => {
  const before = structuredClone(SPEC);
  assert.equal('nodeSelector' in patched({ nodeSelector: null }), false);
  assert.deepEqual(patched({ nodeSelector: { disk: null, os: 'linux' } }).nodeSelector, { os: 'linux' });
  assert.deepEqual(SPEC, before);
});

test('an item without its merge key is refused', () => {
  assert.throws(() => patched({ containers: [{ image: 'x' }] }), { httpStatus: 400 });
});

test('merge patches follow RFC 7386', () => {
  assert.deepEqual(applyMergePatch({ a: { b: 1, c: 2 }, l: [1] }, { a: { b: null }, l: [2] }), { a: { c: 2 }, l: [2] });
});

test('JSON patches apply wholly or not at all', () => {
  const target = { a: 1 };
  assert.deepEqual(applyJsonPatch(target, [{ op: 'add', path: '/b', value: 2 }]), { a: 1, b: 2 });
  const failing = [
    { op: 'remove', path: '/a' },
    { op: 'test', path: '/a', value: 1 },
  ];
  assert.throws(() => applyJsonPatch(target, failing), { httpStatus: 422 });
  assert.throws(() => applyJsonPatch(target, { op: 'add' }), { httpStatus: 400 });
  assert.deepEqual(target, { a: 1 });
});
