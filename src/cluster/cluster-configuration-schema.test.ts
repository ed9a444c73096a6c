import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatPrefix } from '../address/prefix.ts';
import { parseClusterConfiguration } from './cluster-configuration-schema.ts';

function refused(input: unknown, message: RegExp): void {
  assert.throws(
    () => parseClusterConfiguration(input),
    (error) => {
      assert.ok(error instanceof Error && 'code' in error && 'remedy' in error);
      assert.equal(error.code, 'invalid');
      assert.match(error.message, message);
      assert.notEqual(error.remedy, undefined);
      return true;
    },
  );
}

describe('parseClusterConfiguration', () => {
  it('fills in both families', () => {
    const configuration = parseClusterConfiguration({});
    assert.deepEqual(configuration.clusterPrefixes.map(formatPrefix), ['10.244.0.0/16', 'fd00:10:244::/48']);
    assert.deepEqual(configuration.servicePrefixes.map(formatPrefix), ['10.96.0.0/16', 'fd00:10:96::/108']);
    assert.deepEqual(configuration.nodePrefixLength, { 4: 24, 6: 64 });
    assert.equal(configuration.backend, 'auto');
  });

  it('keeps to the families of the cluster ranges', () => {
    const configuration = parseClusterConfiguration({ clusterPrefixes: ['10.2.0.0/16'] });
    assert.deepEqual(configuration.servicePrefixes.map(formatPrefix), ['10.96.0.0/16']);
  });

  it('refuses what cannot work, naming field and value', () => {
    refused({ clusterPrefix: [] }, /clusterPrefix/);
    refused({ clusterPrefixes: [] }, /clusterPrefixes is empty/);
    refused({ clusterPrefixes: ['10.2.0.1/16'] }, /clusterPrefixes.0.*10\.2\.0\.1\/16/);
    refused({ clusterPrefixes: ['10.2.0.0/16', '10.3.0.0/16'] }, /clusterPrefixes has 2 IPv4 ranges/);
    refused({ clusterPrefixes: ['10.96.128.0/17'] }, /10\.96\.128\.0\/17 overlaps servicePrefixes: 10\.96\.0\.0\/16/);
    refused({ clusterPrefixes: ['169.254.0.0/16'] }, /169\.254\.0\.0\/16/);
    refused({ clusterPrefixes: ['10.2.0.0/25'] }, /nodePrefixLength\.4: \/24 .* 10\.2\.0\.0\/25/);
    refused({ clusterPrefixes: ['fd00::/40'] }, /nodePrefixLength\.6: \/64/);
    refused({ nodePrefixLength: { 4: 31 } }, /nodePrefixLength\.4/);
    refused({ backend: 'udp' }, /backend.*udp/);
  });
});
