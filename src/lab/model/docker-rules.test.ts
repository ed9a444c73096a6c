import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import { parseInterfaceAddress } from '../../address/prefix.ts';
import type { PlannedContainer } from './container-plan.ts';
import { dockerTables } from './docker-rules.ts';

const bridge = parseInterfaceAddress('172.17.42.1/16');
const published: PlannedContainer = {
  name: 'a',
  host: 'host-1',
  address: parseInterfaceAddress('172.17.42.2/16'),
  port: 80,
  published: { address: parseAddress('10.1.2.3'), port: 43210 },
};

const rulesOf = (containers: readonly PlannedContainer[], table: string, chain: string) =>
  dockerTables(bridge, containers)
    .find(({ name }) => name === table)
    ?.chains.find(({ name }) => name === chain)?.rules ?? assert.fail(`no chain ${chain}`);

describe("Docker's rules", () => {
  it('are understood to the last statement', () => {
    const rules = dockerTables(bridge, [published]).flatMap(({ chains }) => chains.flatMap((chain) => chain.rules));
    const unknown = rules.flatMap(({ statements }) => statements).filter(({ kind }) => kind === 'unknown');
    assert.deepEqual(unknown, []);
    assert.equal(rules.length, 17);
  });

  it('drop by policy what they do not forward', () => {
    const filter = dockerTables(bridge, []).find(({ name }) => name === 'filter');
    assert.equal(filter?.chains.find(({ name }) => name === 'FORWARD')?.base?.policy, 'drop');
  });

  it('lead to containers that are published, and to no others', () => {
    const hidden = { name: 'b', host: 'host-1', address: parseInterfaceAddress('172.17.42.3/16'), port: 80 };
    assert.equal(rulesOf([published, hidden], 'nat', 'DOCKER').length, 1);
    assert.equal(rulesOf([published, hidden], 'filter', 'DOCKER').length, 2, 'one accepts, the last drops');
    assert.deepEqual(rulesOf([hidden], 'nat', 'DOCKER'), []);
  });
});
