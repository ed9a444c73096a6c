import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import { encodeFabricRoute, parseFabricRoute } from './fabric-route-message.ts';

describe('routes of the fabric', () => {
  for (const [prefix, nextHop] of [
    ['10.244.1.0/24', '192.168.1.11'],
    ['fd00:10:244:1::/64', 'fd00:192:168:1::11'],
  ] as const)
    it(`read back what they write: ${prefix}`, () => {
      const route = { name: 'flatnet-a', node: 'a', prefix: parsePrefix(prefix), nextHop: parseAddress(nextHop) };
      assert.deepEqual(parseFabricRoute(JSON.parse(JSON.stringify(encodeFabricRoute(route)))), route);
    });
});
