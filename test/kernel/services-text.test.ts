import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../src/address/address.ts';
import { parsePrefix } from '../../src/address/prefix.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { canonicalTable } from '../../src/netfilter/canonical-table.ts';
import { diffTables } from '../../src/netfilter/diff-tables.ts';
import { formatTable } from '../../src/netfilter/format-ruleset.ts';
import type { Table } from '../../src/netfilter/node.ts';
import { SURROUNDINGS } from '../../src/plan/service/arbitrary.ts';
import { planService } from '../../src/plan/service/plan-service.ts';
import type { ServicePlan } from '../../src/plan/service/service-plan.ts';
import { renderServices } from '../../src/render/service/service-tables.ts';
import { newNamespace } from '../namespace.ts';
import { NFT_VERSIONS, type NftVersion, nftMissing, runNft } from './nft-program.ts';
import { service } from './planned-services.ts';

const ENDPOINTS = ['10.244.0.5', '10.244.1.5', 'fd00:10:244::5'].map((address, number) => ({
  address: parseAddress(address),
  ports: new Map([
    ['stream', { port: 8080, protocol: 'tcp' as const }],
    ['datagram', { port: 5353, protocol: 'udp' as const }],
    ['message', { port: 3868, protocol: 'sctp' as const }],
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
      service('message', 6, { ports: [{ name: 'message', protocol: 'sctp', port: 3868, nodePort: 30868 }] }),
    ].map((one) => {
      const endpoints = one.name === 'idle' ? [] : ENDPOINTS;
      return [`default/${one.name}`, planService(one, endpoints, { node: 'node-0', zone: '' })];
    }),
  ),
};

/**
 * What a version of nft takes as text. Without affinity over IPv6 for 1.0.6, which prints the update of a map by an IPv6
 * address, and dies of reading it.
 */
function readableTables(version: NftVersion): readonly Table[] {
  if (version !== '1.0.6') return renderServices(PLAN);
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

function listing(version: NftVersion, namespace: NetworkNamespace): string {
  const { status, stdout, stderr } = runNft(version, namespace, ['list', 'ruleset']);
  assert.equal(status, 0, stderr);
  return stdout;
}

function load(version: NftVersion, namespace: NetworkNamespace, input: string): void {
  const { status, stderr } = runNft(version, namespace, ['-f', '-'], input);
  assert.equal(status, 0, stderr);
}

for (const version of NFT_VERSIONS)
  describe(`the tables of services and nft ${version}`, { skip: nftMissing(version) }, () => {
    it('are in the kernel as they were rendered, and nft prints them', (t) => {
      const namespace = newNamespace(t);
      using session = RulesetSession.open(namespace);
      const tables = renderServices(PLAN);
      session.apply(tables.map((table) => ({ kind: 'add-table', table })));
      const read = tables.map((table) => session.read(table) ?? assert.fail(`no table ${table.family}`));
      assert.deepEqual(diffTables(read, tables), []);
      const text = listing(version, namespace);
      for (const part of ['map endpoints', 'dnat ip to', 'dnat ip6 to', 'affinity-600'])
        assert.ok(text.includes(part), part);
      for (const table of tables)
        for (const { name } of table.chains) assert.ok(text.includes(`chain ${name} {`), name);
    });

    it('print as text that nft makes the same tables of', (t) => {
      const namespace = newNamespace(t);
      const tables = readableTables(version);
      load(version, namespace, tables.map(formatTable).join('\n'));
      using session = RulesetSession.open(namespace);
      for (const table of tables) {
        const read = session.read(table) ?? assert.fail(`no table ${table.family}`);
        assert.deepEqual(comparable(read), comparable(table));
      }
    });

    it('take what nft lists of them', (t) => {
      const [from, to] = [newNamespace(t), newNamespace(t)];
      load(version, from, readableTables(version).map(formatTable).join('\n'));
      const text = listing(version, from);
      load(version, to, text);
      assert.equal(listing(version, to), text);
    });
  });
