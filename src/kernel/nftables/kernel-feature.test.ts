import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kernelFeatures } from './kernel-feature.ts';

describe('kernelFeatures', () => {
  it('goes by the version', () => {
    assert.deepEqual(kernelFeatures('6.1.0-18-amd64'), {
      persistentOwner: false,
      changingDevices: false,
      changingSizes: false,
    });
    assert.deepEqual(kernelFeatures('6.8.12'), { persistentOwner: false, changingDevices: true, changingSizes: true });
    assert.deepEqual(kernelFeatures('6.18.44-x'), {
      persistentOwner: true,
      changingDevices: true,
      changingSizes: true,
    });
    assert.deepEqual(kernelFeatures('7.0.0'), { persistentOwner: true, changingDevices: true, changingSizes: true });
  });
});
