import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { parseAddress } from '../../src/address/address.ts';
import { parsePrefix } from '../../src/address/prefix.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { canonicalTable } from '../../src/netfilter/canonical-table.ts';
import { diffTables } from '../../src/netfilter/diff-tables.ts';
import { formatTable } from '../../src/netfilter/format-ruleset.ts';
import type { Table } from '../../src/netfilter/node.ts';
import { SURROUNDINGS } from '../../src/plan/service/arbitrary.ts';
import { planService } from '../../src/plan/service/plan-service.ts';
import type { ServicePlan } from '../../src/plan/service/service-plan.ts';
import { renderServices } from '../../src/render/service/service-tables.ts';
import { newNamespace, runIn } from '../namespace.ts';
import { NFT_MISSING } from './nft-program.ts';
import { service } from './planned-services.ts';

const ENDPOINTS = ['10.244.0.5', '10.244.1.5', 'fd00:10:244::5'].map((address, number) => ({
  address: parseAddress(address),
  ports: new Map([
    ['stream', { port: 8080, protocol: 'tcp' as const }],
    ['datagram', { port: 5353, protocol: 'udp' as const }],
  ]),
  node: `node-${number % 2}`,
  ready: true,
  serving: true,
  terminating: false,
  zoneHints: [],
  nodeHints: [],
}));

/** Services of every kind: with affinity, with sources, of local policies, without endpoints. */
const PLAN: ServicePlan = {
  surroundings: SURROUNDINGS,
  services: new Map(
    [
      service('plain', 1),
      service('sticky', 2, { affinityTimeout: 600 }),
      service('local', 3, { externalPolicy: 'Local', externalAddresses: [parseAddress('192.0.2.1')] }),
      service('balanced', 4, {
        loadBalancer: [{ address: parseAddress('192.0.2.2'), mode: 'VIP' }],
        sourceRanges: [parsePrefix('203.0.113.0/24')],
      }),
      service('idle', 5),
    ].map((one) => {
      const endpoints = one.name === 'idle' ? [] : ENDPOINTS;
      return [`default/${one.name}`, planService(one, endpoints, { node: 'node-0', zone: '' })];
    }),
  ),
};

/** Without affinity over IPv6: nft 1.0.6 prints the update of a map by an IPv6 address, and dies of reading it. */
function readableTables(): readonly Table[] {
  const services = new Map([...PLAN.services].filter(([key]) => key !== 'default/sticky'));
  const others = renderServices({ ...PLAN, services }).filter(({ family }) => family === 'ip6');
  return [...renderServices(PLAN).filter(({ family }) => family === 'ip'), ...others];
}

/** As text says it: of no owner, and with slots of no type by name. */
function comparable(table: Table): Table {
  const maps = table.maps.map((map) => ({
    ...map,
    key: map.key.map((type) => (type === 'integer' ? 'mark' : type)),
  }));
  return canonicalTable({ ...table, flags: [], maps });
}

describe('the tables of services', { skip: NFT_MISSING }, () => {
  it('are in the kernel as they were rendered, and nft prints them', (t) => {
    const namespace = newNamespace(t);
    using session = RulesetSession.open(namespace);
    const tables = renderServices(PLAN);
    session.apply(tables.map((table) => ({ kind: 'add-table', table })));
    const read = tables.map((table) => session.read(table) ?? assert.fail(`no table ${table.family}`));
    assert.deepEqual(diffTables(read, tables), []);
    const listing = runIn(namespace, 'nft', 'list', 'ruleset');
    for (const text of ['map endpoints', 'dnat ip to', 'dnat ip6 to', 'affinity-600'])
      assert.ok(listing.includes(text), text);
  });

  it('print as text that nft makes the same tables of', (t) => {
    const namespace = newNamespace(t);
    const tables = readableTables();
    const input = tables.map(formatTable).join('\n');
    const { status, stderr } = namespace.run(() => spawnSync('nft', ['-f', '-'], { input, encoding: 'utf8' }));
    assert.equal(status, 0, stderr);
    using session = RulesetSession.open(namespace);
    for (const table of tables) {
      const read = session.read(table) ?? assert.fail(`no table ${table.family}`);
      assert.deepEqual(comparable(read), comparable(table));
    }
  });

  it('take what nft lists of them', (t) => {
    const [from, to] = [newNamespace(t), newNamespace(t)];
    const load = (namespace: typeof from, input: string) =>
      namespace.run(() => spawnSync('nft', ['-f', '-'], { input, encoding: 'utf8' }));
    assert.equal(load(from, readableTables().map(formatTable).join('\n')).status, 0);
    const listing = runIn(from, 'nft', 'list', 'ruleset');
    const { status, stderr } = load(to, listing);
    assert.equal(status, 0, stderr);
    assert.equal(runIn(to, 'nft', 'list', 'ruleset'), listing);
  });
});
