import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../address/address.ts';
import { parseInterfaceAddress, parsePrefix } from '../address/prefix.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { assumedHostFacts, parseHostFacts } from './host-facts-schema.ts';

const document = (spec: object) => ({
  apiVersion: 'flatnet.io/v1',
  kind: 'HostFacts',
  metadata: { name: 'node-1' },
  spec,
});

describe('declared host facts', () => {
  it('say what they say, and the rest is as on most hosts', () => {
    const { node, facts } = parseHostFacts(
      document({
        uplinks: [{ device: 'eth0', addresses: ['192.168.1.11/24'] }],
        foreignRoutes: [{ destination: '0.0.0.0/0', gateway: '192.168.1.1', device: 'eth0' }],
      }),
    );
    assert.equal(node, 'node-1');
    const [route] = facts.foreignRoutes;
    assert.deepEqual(facts.uplinks, [
      { device: 'eth0', mtu: 1500, up: true, addresses: [parseInterfaceAddress('192.168.1.11/24')] },
    ]);
    assert.deepEqual(route, {
      destination: parsePrefix('0.0.0.0/0'),
      gateway: parseAddress('192.168.1.1'),
      device: 'eth0',
      table: 254,
      protocol: 3,
      metric: 0,
    });
    assert.equal(facts.bridgeNetfilter, true);
  });

  it('are refused by the name of the field at fault', () => {
    const message = (spec: object) => {
      try {
        parseHostFacts(document(spec));
      } catch (error) {
        assert.ok(isFlatnetError(error, 'invalid'));
        return error.message;
      }
      return assert.fail('it was taken');
    };
    assert.match(message({ uplinks: [{ device: 'eth0', addresses: ['192.168.1'] }] }), /uplinks\.0\.addresses\.0/);
    assert.match(message({ uplinks: [], gateway: '192.168.1.1' }), /gateway is not a known field/);
  });

  it('may be left out: then one uplink bears the addresses', () => {
    const { uplinks } = assumedHostFacts(['10.0.0.5', 'fd00::5'].map(parseAddress));
    assert.deepEqual(uplinks[0]?.addresses, ['10.0.0.5/24', 'fd00::5/64'].map(parseInterfaceAddress));
  });
});
