import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import type { ClusterService, ServiceEndpoint } from '../../cluster/cluster-state.ts';
import { canonicalTable } from '../../netfilter/canonical-table.ts';
import { changedTables } from '../../netfilter/changed-tables.ts';
import { diffTables } from '../../netfilter/diff-tables.ts';
import { elementKey, isVerdict, literalsKey } from '../../netfilter/element-key.ts';
import type { MapElement, Table } from '../../netfilter/node.ts';
import {
  arbitraryServiceEvent,
  SERVICE_NAMES,
  type ServiceEvent,
  SURROUNDINGS,
  serviceNode,
} from '../../plan/service/arbitrary.ts';
import { nodeLocation, planServiceNamed } from '../../plan/service/plan-services.ts';
import type { PlannedService, ServicePlan } from '../../plan/service/service-plan.ts';
import { parseClassName } from './endpoint-class.ts';
import { foundServices } from './found-services.ts';
import { placeOf } from './front-directory.ts';
import { classOfMark, numberOfMark, translatedMark } from './service-mark.ts';
import { renderServices, ServiceTables } from './service-tables.ts';

/** A cluster that follows events, and what must be planned anew after each. */
class Cluster {
  readonly services = new Map<string, ClusterService>();
  readonly endpoints = new Map<string, readonly ServiceEndpoint[]>();
  #zone = 'east';

  follow(event: ServiceEvent): readonly string[] {
    switch (event.kind) {
      case 'service':
        this.services.set(`default/${event.service.name}`, event.service);
        return [`default/${event.service.name}`];
      case 'service-gone':
        this.services.delete(`default/${event.name}`);
        return [`default/${event.name}`];
      case 'endpoints':
        this.endpoints.set(`default/${event.name}`, event.endpoints);
        return [`default/${event.name}`];
      case 'zone':
        this.#zone = event.zone;
        return SERVICE_NAMES.map((name) => `default/${name}`);
      default: {
        const never: never = event;
        return never;
      }
    }
  }

  plan(key: string): PlannedService | undefined {
    const nodes = new Map([['node-0', serviceNode(this.#zone)]]);
    return planServiceNamed(this, key, nodeLocation({ nodes }, 'node-0'));
  }

  get whole(): ServicePlan {
    const services = [...this.services.keys()].map((key) => [key, this.plan(key)] as const);
    return {
      surroundings: SURROUNDINGS,
      services: new Map(services.flatMap(([key, planned]) => (planned === undefined ? [] : [[key, planned] as const]))),
    };
  }
}

const EMPTY: ServicePlan = { surroundings: SURROUNDINGS, services: new Map() };
const histories = fc.array(arbitraryServiceEvent, { maxLength: 30 });

/** What packets meet: for each front the endpoints behind it and how one is chosen, numbers and slots aside. */
function meaningOf(table: Table): unknown {
  const elementsOf = (name: string) => table.maps.find((map) => map.name === name)?.elements ?? [];
  const classes = new Map(
    elementsOf('classes').map(({ key, value }) => {
      const [literal] = key;
      assert.ok(isVerdict(value) && 'chain' in value && literal?.kind === 'number');
      return [classOfMark(literal.value), value.chain];
    }),
  );
  const behind = (value: MapElement['value']) => {
    assert.ok(!isVerdict(value) && value[0]?.kind === 'number');
    const mark = value[0].value;
    const prefix = `${translatedMark(numberOfMark(mark))}|`;
    const slots = (map: string) => elementsOf(map).filter((element) => elementKey(element).startsWith(prefix));
    const members = new Map(elementsOf('members').map((one) => [elementKey(one), one.value]));
    const chosen = () =>
      slots('choices').map(({ value: member }) => members.get(isVerdict(member) ? '' : literalsKey(member)));
    const chain = classes.get(classOfMark(mark)) ?? 'no class';
    // Pools with affinity and without are numbered apart, and looked up in maps of their own.
    const own = parseClassName(chain);
    const plain = () => slots('endpoints').map((element) => element.value);
    const endpoints = own === undefined ? [] : own.affinity === undefined ? plain() : chosen();
    const texts = endpoints.map((one) => (one === undefined || isVerdict(one) ? 'nothing' : literalsKey(one))).sort();
    assert.ok(texts.length === 0 || chain.startsWith(`${/^\w+/.exec(chain)?.[0]}-${texts.length}`), chain);
    return { chain, texts };
  };
  const fronts = ['fronts', 'inside-fronts', 'node-ports', 'local-node-ports', 'inside-node-ports', 'host-ports'];
  return {
    fronts: fronts.map((name) => [
      name,
      ...elementsOf(name)
        .map((one) => [elementKey(one), behind(one.value)])
        .sort(),
    ]),
    sets: table.sets.map(({ name, elements }) => [name, elements.map(elementKey).sort()]),
    chains: table.chains.map(({ name }) => name).sort(),
  };
}

/** A table that has lost some elements of maps that no rule names by their elements. */
function withoutSome(table: Table, lost: readonly number[]): Table {
  const gone = new Set(lost);
  let count = 0;
  const maps = table.maps.map((map) =>
    map.value === 'verdict' ? map : { ...map, elements: map.elements.filter(() => !gone.has(count++)) },
  );
  return { ...table, maps };
}

/** A table whose chains lack some of their rules, as those of another version may. */
function withoutRule(table: Table): Table {
  return { ...table, chains: table.chains.map((chain) => ({ ...chain, rules: chain.rules.slice(0, 2) })) };
}

function byFamily(tables: readonly Table[]): readonly Table[] {
  return [...tables].sort((left, right) => left.family.length - right.family.length);
}

function hasConflict({ services }: ServicePlan): boolean {
  const places = [...services.values()].flatMap(({ fronts }) =>
    fronts.map((front) => {
      const { map, key } = placeOf(front);
      return `${front.family} ${map} ${literalsKey(key)}`;
    }),
  );
  return new Set(places).size < places.length;
}

describe('ServiceTables', () => {
  it('changes element by element into the tables of the whole plan, after any history', () => {
    fc.assert(
      fc.property(histories, (events) => {
        const cluster = new Cluster();
        const tables = new ServiceTables();
        let kernel: readonly Table[] = changedTables([], tables.replace(EMPTY).tables);
        for (const event of events) {
          const changed = cluster.follow(event).map((key) => [key, cluster.plan(key)] as const);
          kernel = changedTables(kernel, tables.change(changed).tables);
          assert.deepEqual(byFamily(kernel).map(canonicalTable), tables.tables.map(canonicalTable));
          assert.deepEqual(byFamily(kernel).map(meaningOf), renderServices(cluster.whole).map(meaningOf));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('finds nothing to do in the tables of a former agent, whatever had happened to them', () => {
    fc.assert(
      fc.property(histories, (events) => {
        const cluster = new Cluster();
        const former = new ServiceTables();
        former.replace(EMPTY);
        for (const event of events)
          former.change(cluster.follow(event).map((key) => [key, cluster.plan(key)] as const));
        // Of services that want the same front, the loser's pool can't be found again by it.
        fc.pre(!hasConflict(cluster.whole));
        const next = new ServiceTables();
        next.adopt(former.tables.map(foundServices));
        next.replace(cluster.whole);
        const changes = diffTables(former.tables, next.tables);
        assert.deepEqual(next.tables.map(meaningOf), former.tables.map(meaningOf));
        // Fronts of one service may lead to pools that share nothing with the found ones' numbers only by conflicts.
        assert.deepEqual(
          changes.filter(({ kind }) => kind !== 'replace-rules'),
          [],
        );
      }),
      { numRuns: 100 },
    );
  });

  it('leads from what a former agent has left, piece by piece or at once, whatever has happened to either meanwhile', () => {
    const loss = fc.array(fc.nat(200), { maxLength: 4 });
    const extents = new Set<string>();
    fc.assert(
      fc.property(histories, histories, loss, fc.boolean(), (before, after, lost, hasOtherRules) => {
        const cluster = new Cluster();
        const former = new ServiceTables();
        former.replace(EMPTY);
        for (const event of before)
          former.change(cluster.follow(event).map((key) => [key, cluster.plan(key)] as const));
        let kernel = former.tables.map((table) => withoutSome(hasOtherRules ? withoutRule(table) : table, lost));
        for (const event of after) cluster.follow(event);
        const next = new ServiceTables();
        next.adopt(kernel.map(foundServices));
        const extent = next.takeoverExtent(SURROUNDINGS);
        extents.add(extent);
        for (const key of [...cluster.services.keys()].sort()) {
          const entries = [[key, cluster.plan(key)]] as const;
          if (extent === 'elements') kernel = changedTables(kernel, next.change(entries, SURROUNDINGS).tables);
          else next.gather(entries, SURROUNDINGS);
        }
        next.gather([], SURROUNDINGS);
        const { tables } = next.finishAdoption();
        kernel = changedTables(kernel, extent === 'sets' ? diffTables(kernel, next.tables) : tables);
        assert.deepEqual(byFamily(kernel).map(canonicalTable), byFamily(next.tables).map(canonicalTable));
        assert.deepEqual(byFamily(kernel).map(meaningOf), byFamily(renderServices(cluster.whole)).map(meaningOf));
      }),
      { numRuns: 300 },
    );
    assert.deepEqual(extents, new Set(['elements', 'rules', 'sets']));
  });

  it('has no tables, and so no hooks, without fronts', () => {
    const tables = new ServiceTables();
    assert.deepEqual(tables.replace(EMPTY).tables, []);
    assert.deepEqual(tables.tables, []);
  });
});
