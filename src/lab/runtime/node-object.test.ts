import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import { nodeConditions, nodeLabels, nodeStatus, saysSame } from './node-object.ts';

describe("a host's node", () => {
  it('bears the labels that every node has, and its own', () => {
    const labels = nodeLabels({ name: 'node-1', zone: 'b', labels: { role: 'edge' } });
    assert.equal(labels['kubernetes.io/hostname'], 'node-1');
    assert.equal(labels['topology.kubernetes.io/zone'], 'b');
    assert.equal(labels.role, 'edge');
  });

  it('names an InternalIP a family', () => {
    const { addresses } = nodeStatus('node-1', ['192.0.2.1', '2001:db8::1'].map(parseAddress), 'boot');
    assert.deepEqual(addresses, [
      { type: 'InternalIP', address: '192.0.2.1' },
      { type: 'InternalIP', address: '2001:db8::1' },
      { type: 'Hostname', address: 'node-1' },
    ]);
  });

  it('is ready when its network is', () => {
    const before = nodeConditions('no configuration', 1000);
    const ready = (conditions: typeof before) => conditions.find(({ type }) => type === 'Ready');
    assert.equal(ready(before)?.status, 'False');
    assert.match(ready(before)?.message ?? '', /NetworkPluginNotReady message:no configuration$/);
    const after = nodeConditions(undefined, 9000, before);
    assert.equal(ready(after)?.status, 'True');
    assert.equal(ready(after)?.lastTransitionTime, '1970-01-01T00:00:09Z');
    const pressure = after.find(({ type }) => type === 'DiskPressure');
    assert.deepEqual(
      [pressure?.lastTransitionTime, pressure?.lastHeartbeatTime],
      ['1970-01-01T00:00:01Z', '1970-01-01T00:00:09Z'],
    );
  });

  it('is reported again where the API says otherwise, whatever the time', () => {
    const fixed = nodeStatus('node-1', [parseAddress('192.0.2.1')], 'boot');
    const status = (now: number, boot = fixed) => ({ ...boot, conditions: nodeConditions(undefined, now) });
    const present = status(1000);
    const others = { type: 'NetworkUnavailable', status: 'False', lastTransitionTime: '1970-01-01T00:00:01Z' } as const;
    const merged = { ...present, conditions: [others, ...present.conditions.toReversed()], images: [] };
    assert.ok(saysSame(merged, status(90_000)));
    assert.ok(!saysSame(undefined, present));
    assert.ok(!saysSame({ ...present, conditions: nodeConditions('no configuration', 1000) }, present));
    assert.ok(!saysSame({ ...present, conditions: present.conditions.slice(1) }, present));
    assert.ok(!saysSame(present, status(1000, nodeStatus('node-1', [parseAddress('192.0.2.1')], 'another boot'))));
    assert.ok(!saysSame(present, status(1000, nodeStatus('node-1', [parseAddress('192.0.2.2')], 'boot'))));
  });
});
