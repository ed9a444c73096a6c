import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { downwardField } from './downward-field.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name: 'web-0', uid: 'u', labels: { app: 'web', 'example.com/a': 'x "y"' } },
  spec: { nodeName: 'node-1', containers: [] },
};
const context = { pod, addresses: ['10.0.0.2', 'fd00::2'], hostAddresses: ['192.0.2.1'] };

describe('fields of the downward API', () => {
  it('are those of the pod', () => {
    const values = {
      'metadata.name': 'web-0',
      'metadata.namespace': 'shop',
      'metadata.uid': 'u',
      "metadata.labels['app']": 'web',
      "metadata.labels['example.com/a']": 'x "y"',
      "metadata.annotations['none']": '',
      'metadata.labels': 'app="web"\nexample.com/a="x \\"y\\""',
      'spec.nodeName': 'node-1',
      'spec.serviceAccountName': 'default',
      'status.podIP': '10.0.0.2',
      'status.podIPs': '10.0.0.2,fd00::2',
      'status.hostIP': '192.0.2.1',
    };
    for (const [path, value] of Object.entries(values)) assert.equal(downwardField(path, context), value, path);
  });

  it('are no others', () => {
    assert.throws(
      () => downwardField('spec.hostNetwork', context),
      (error) => isFlatnetError(error, 'unsupported'),
    );
  });
});
