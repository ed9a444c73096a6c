import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addToAddress, parseAddress } from '../../src/address/address.ts';
import { readFoundServices } from '../../src/agent/found-service-reader.ts';
import { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import type { TableChange } from '../../src/netfilter/table-change.ts';
import { SURROUNDINGS } from '../../src/plan/service/arbitrary.ts';
import type { PlannedService } from '../../src/plan/service/service-plan.ts';
import { foundServices } from '../../src/render/service/found-services.ts';
import { ServiceTables } from '../../src/render/service/service-tables.ts';

/** Their endpoints are more than are read by listing all. */
const SERVICES = 700;
const ENDPOINTS = 8;
const PIECE = 100;

function planned(number: number, family: 4 | 6, endpoints = ENDPOINTS): PlannedService {
  const [service, endpoint] = family === 4 ? ['10.96.0.0', '10.244.0.0'] : ['fd00:96::', 'fd00:244::'];
  const id = `default/svc-${number}:http tcp IPv${family} Cluster`;
  const front = { name: `default/svc-${number}:http`, family, protocol: 'tcp', port: 80, pool: id } as const;
  const address = addToAddress(parseAddress(service), number + 1);
  const first = addToAddress(parseAddress(endpoint), number * 16);
  return {
    pools: [
      {
        id,
        family,
        protocol: 'tcp',
        endpoints: Array.from({ length: endpoints }, (_, index) => ({
          address: addToAddress(first, index),
          port: 8080,
          local: index === 0,
        })),
        whenEmpty: 'reject',
        ...(number % 50 === 0 && { affinityTimeout: 600 }),
      },
    ],
    fronts: [
      { ...front, kind: 'address', role: 'cluster', address, reach: 'everyone' },
      { ...front, kind: 'node-port', port: 30_000 + number, policy: 'Cluster', reach: 'everyone' },
    ],
  };
}

function services(family: 4 | 6) {
  return Array.from({ length: SERVICES }, (_, number) => [`default/svc-${number}`, planned(number, family)] as const);
}

/** Brings services to tables by transactions of some at a time. */
function bring(session: RulesetSession, tables: ServiceTables, entries: ReturnType<typeof services>): TableChange[] {
  const all: TableChange[] = [];
  for (let from = 0; from < entries.length; from += PIECE) {
    const { tables: changes } = tables.change(entries.slice(from, from + PIECE), SURROUNDINGS);
    session.apply(changes);
    all.push(...changes);
  }
  return all;
}

describe('an agent that finds tables of services in the kernel', () => {
  for (const family of [4, 6] as const) {
    const name = { family: family === 4 ? 'ip' : 'ip6', name: 'flatnet-services' } as const;

    it(`takes them over as they are, over IPv${family}`, async () => {
      using namespace = NetworkNamespace.create();
      using session = RulesetSession.open(namespace);
      const former = new ServiceTables();
      bring(session, former, services(family));
      const found = await readFoundServices(session, name);
      assert.ok(found !== undefined);
      for (const [set, elements] of former.tables.flatMap((table) => [...foundServices(table).elements])) {
        const texts = (list: Iterable<unknown>) => Array.from(list, (one) => JSON.stringify(one, text)).sort();
        assert.deepEqual(texts(found.elements.get(set) ?? []), texts(elements), set);
      }
      const next = new ServiceTables();
      next.adopt([found]);
      assert.equal(next.takeoverExtent(SURROUNDINGS), 'elements');
      assert.deepEqual(bring(session, next, services(family)), []);
      assert.deepEqual(next.finishAdoption().tables, []);
    });

    it(`changes what differs and removes what is nobody's, over IPv${family}`, async () => {
      using namespace = NetworkNamespace.create();
      using session = RulesetSession.open(namespace);
      bring(session, new ServiceTables(), services(family));
      const next = new ServiceTables();
      const found = await readFoundServices(session, name);
      assert.ok(found !== undefined);
      next.adopt([found]);
      const changed = services(family)
        .slice(0, -10)
        .map(([key, service], number) => [key, number === 7 ? planned(7, family, ENDPOINTS + 1) : service] as const);
      const changes = bring(session, next, changed);
      assert.ok(changes.reduce((sum, change) => sum + ('elements' in change ? change.elements.length : 1), 0) < 12);
      session.apply(next.finishAdoption().tables);
      const whole = new ServiceTables();
      const after = await readFoundServices(session, name);
      assert.ok(after !== undefined);
      whole.adopt([after]);
      assert.deepEqual(bring(session, whole, changed), []);
      assert.deepEqual(whole.finishAdoption().tables, []);
    });

    it(`changes rules and elements in one transaction, over IPv${family}`, async () => {
      using namespace = NetworkNamespace.create();
      using session = RulesetSession.open(namespace);
      bring(session, new ServiceTables(), services(family));
      // As another version may have left it: a chain that isn't ours any more, and one with other rules.
      const frame = session.read(name);
      const chain = frame?.chains.find(({ rules }) => rules.length > 1);
      assert.ok(chain !== undefined);
      session.apply([
        { kind: 'add-chain', table: name, chain: { name: 'former', rules: [] } },
        { kind: 'replace-rules', table: name, chain: { ...chain, rules: chain.rules.slice(0, 1) } },
      ]);
      const found = await readFoundServices(session, name);
      assert.ok(found !== undefined);
      const next = new ServiceTables();
      next.adopt([found]);
      assert.equal(next.takeoverExtent(SURROUNDINGS), 'rules');
      const changed = services(family)
        .slice(10)
        .map(([key, service], number) => [key, number === 7 ? planned(17, family, ENDPOINTS + 1) : service] as const);
      for (let from = 0; from < changed.length; from += PIECE)
        next.gather(changed.slice(from, from + PIECE), SURROUNDINGS);
      const { tables: changes } = next.finishAdoption();
      const count = changes.reduce((sum, change) => sum + ('elements' in change ? change.elements.length : 1), 0);
      // Ten services go with what leads to them, and one changes; the others' thousands of elements stay.
      assert.ok(count < 20 * ENDPOINTS, `${count} changes`);
      session.apply(changes);
      const whole = new ServiceTables();
      const after = await readFoundServices(session, name);
      assert.ok(after !== undefined);
      assert.ok(!after.frame.chains.some((one) => one.name === 'former'));
      whole.adopt([after]);
      assert.equal(whole.takeoverExtent(SURROUNDINGS), 'elements');
      assert.deepEqual(bring(session, whole, changed), []);
      assert.deepEqual(whole.finishAdoption().tables, []);
    });

    it(`mends a map that has lost an endpoint, over IPv${family}`, async () => {
      using namespace = NetworkNamespace.create();
      using session = RulesetSession.open(namespace);
      const former = new ServiceTables();
      bring(session, former, services(family));
      const found = await readFoundServices(session, name);
      const map = found?.frame.maps.find((one) => one.name === 'endpoints');
      const lost = found?.elements.get('endpoints')?.slice(4000, 4001);
      assert.ok(map !== undefined && lost !== undefined);
      session.apply([{ kind: 'remove-elements', table: name, set: map, elements: lost }]);
      const damaged = await readFoundServices(session, name);
      assert.ok(damaged !== undefined);
      const next = new ServiceTables();
      next.adopt([damaged]);
      bring(session, next, services(family));
      session.apply(next.finishAdoption().tables);
      const mended = await readFoundServices(session, name);
      assert.equal(
        mended?.elements.get('endpoints')?.length,
        former.tables[0]?.maps.find((one) => one.name === 'endpoints')?.elements.length,
      );
    });
  }
});

function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
