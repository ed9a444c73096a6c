import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatPrefix } from '../address/prefix.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { parseAgentConfiguration } from './agent-configuration.ts';

describe('agent configuration', () => {
  it('has a default for every field', () => {
    const configuration = parseAgentConfiguration('');
    assert.deepEqual(configuration.cluster.clusterPrefixes.map(formatPrefix), ['10.244.0.0/16', 'fd00:10:244::/48']);
    assert.equal(configuration.wiring, 'point-to-point');
    assert.deepEqual(configuration.metrics, { host: '127.0.0.1', port: 10351 });
    assert.equal(configuration.cni.binDirectory, '/opt/cni/bin');
    assert.equal(configuration.allowForward, 'leave');
    assert.equal(configuration.masquerade.enabled, true);
  });

  it('reads what is set', () => {
    const configuration = parseAgentConfiguration(`
node: node-1
cluster: { clusterPrefixes: [10.2.0.0/16], backend: vxlan }
wiring: bridge
metrics: "[::1]:9100"
masquerade: { enabled: false }
`);
    assert.equal(configuration.node, 'node-1');
    assert.equal(configuration.cluster.backend, 'vxlan');
    assert.deepEqual(configuration.metrics, { host: '::1', port: 9100 });
    assert.equal(configuration.masquerade.enabled, false);
    const longest = `/${'x'.repeat(88)}`;
    assert.equal(parseAgentConfiguration(`runDirectory: ${longest}`).runDirectory, longest);
  });

  it('names the field, the value and the remedy', () => {
    const refuses = (text: string, message: RegExp, remedy: RegExp) =>
      assert.throws(
        () => parseAgentConfiguration(text),
        (error) =>
          error instanceof FlatnetError && message.test(error.message) && remedy.test(error.remedy ?? 'no remedy'),
        text,
      );
    refuses('wiring: bridges', /wiring: .*"bridges"/, /"point-to-point" \| "bridge"/);
    refuses('wirings: bridge', /wirings is not a known field/, /remove wirings/);
    refuses('cluster: { clusterPrefixes: [10.2.0.1/16] }', /clusterPrefixes\.0: .*10\.2\.0\.1\/16/, /./);
    refuses('metrics: localhost', /metrics: "localhost"/, /127\.0\.0\.1:10351/);
    refuses('mtu: 500', /mtu: .*500/, /1280/);
    refuses('stateDirectory: var', /stateDirectory: .*absolute path.*"var"/, /stateDirectory/);
    refuses(`runDirectory: /${'x'.repeat(89)}`, /runDirectory: must be shorter.*98 bytes.*"\/x+"/, /runDirectory/);
    refuses('wiring: [', /read agent configuration/, /correct the text/);
  });
});
