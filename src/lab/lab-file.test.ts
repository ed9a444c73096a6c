import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { parseLabFile } from './lab-file.ts';

const POD = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n';
const LAB = 'apiVersion: flatnet.io/v1\nkind: Lab\nspec: {publish: ["8080:svc/default/web:80"], mtu: 9000}\n';

describe('a lab file', () => {
  it('holds manifests and what the lab is made of, in any order', () => {
    const { lab, manifests } = parseLabFile(`${POD}---\n${LAB}---\n---\n${POD}`, 'lab.yaml');
    assert.equal(lab?.spec?.mtu, 9000);
    assert.equal(lab?.spec?.publish?.[0]?.target.name, 'web');
    assert.deepEqual(
      manifests.map(({ kind }) => kind),
      ['Pod', 'Pod'],
    );
  });

  it('counts the items of lists', () => {
    const { manifests } = parseLabFile(
      `apiVersion: v1\nkind: List\nitems:\n- ${POD.trim().replaceAll('\n', '\n  ')}\n`,
      'f',
    );
    assert.equal(manifests[0]?.metadata.name, 'a');
  });

  const refusals: readonly (readonly [string, string, RegExp])[] = [
    ['two labs', `${LAB}---\n${LAB}`, /document 2: kind: Lab/],
    ['YAML that is none', 'a: [', /neither YAML nor JSON/],
    ['what is no object', '- 1\n', /no apiVersion and kind/],
    ['an object without a name', 'apiVersion: v1\nkind: Pod\nmetadata: {}\n', /metadata\.name of the Pod/],
    ['a misspelt field', LAB.replace('mtu', 'mtuu'), /spec\.mtuu is not a known field/],
    ['a value out of range', LAB.replace('9000', '200'), /spec\.mtu: .*1280/],
    ['a wrong publication', LAB.replace('8080:svc', 'svc:8080'), /spec\.publish\.0: /],
  ];
  for (const [what, text, message] of refusals)
    it(`refuses ${what}`, () => {
      assert.throws(
        () => parseLabFile(text, 'lab.yaml'),
        (error) =>
          isFlatnetError(error, 'invalid') && message.test(error.message) && error.message.includes('lab.yaml'),
      );
    });
});
