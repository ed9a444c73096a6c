import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { parseAddress } from '../address/address.ts';
import { formatPrefix, type Prefix, parsePrefix, prefixesOverlap } from '../address/prefix.ts';
import { parseClusterConfiguration } from '../cluster/cluster-configuration-schema.ts';
import { type PrefixPlan, type PrefixPlanInput, planPrefixes } from './plan-prefixes.ts';
import type { PrefixNode } from './prefix-node.ts';
import { EMPTY_PREFIX_RECORD } from './prefix-record.ts';

const CONFIGURATION = parseClusterConfiguration({ clusterPrefixes: ['10.0.0.0/21'] });
const QUARANTINE = 600_000;

function node(name: string, extra: Partial<PrefixNode> = {}): PrefixNode {
  return {
    name,
    uid: `uid-${name}`,
    created: '',
    addresses: [],
    podPrefixes: [],
    foreign: [],
    deleting: false,
    ...extra,
  };
}

function plan(nodes: readonly PrefixNode[], extra: Partial<PrefixPlanInput> = {}): PrefixPlan {
  return planPrefixes({
    configuration: CONFIGURATION,
    nodes,
    record: EMPTY_PREFIX_RECORD,
    now: 0,
    quarantine: QUARANTINE,
    waitsUntil: () => 0,
    ...extra,
  });
}

function given(result: PrefixPlan): Record<string, string> {
  return Object.fromEntries(
    result.assignments.map(({ node, prefixes }) => [node.name, prefixes.map(formatPrefix).join()]),
  );
}

describe('planPrefixes', () => {
  it('gives nodes in the order of their age the lowest that is free', () => {
    const nodes = [
      node('b', { created: '2' }),
      node('c', { created: '1' }),
      node('a', { podPrefixes: [parsePrefix('10.0.0.0/24')] }),
    ];
    assert.deepEqual(given(plan(nodes)), { c: '10.0.1.0/24', b: '10.0.2.0/24' });
  });

  it('gives nobody what any host uses', () => {
    const foreign = [{ prefix: parsePrefix('10.0.0.0/23'), source: 'address 10.0.0.1/23 on docker0' }];
    const nodes = [node('a'), node('b', { foreign, addresses: [parseAddress('10.0.2.9')] })];
    assert.deepEqual(given(plan(nodes)), { a: '10.0.3.0/24', b: '10.0.4.0/24' });
  });

  it('waits a while for word of what a host uses', () => {
    const { foreign: _, ...silent } = node('a');
    const waiting = plan([silent], { waitsUntil: () => 3000 });
    assert.deepEqual([given(waiting), waiting.deadline], [{}, 3000]);
    assert.deepEqual(given(plan([silent], { now: 3000, waitsUntil: () => 3000 })), { a: '10.0.0.0/24' });
  });

  it('names both sides of a conflict', () => {
    const foreign = [{ prefix: parsePrefix('10.0.0.0/16'), source: 'route of docker0' }];
    const pods = { podPrefixes: [parsePrefix('10.0.0.0/24')] };
    const messages = plan([node('a', pods), node('b', { foreign }), node('c', pods)]).conflicts.map(
      ({ node: name, message }) => `${name}: ${message}`,
    );
    assert.deepEqual(messages.sort(), [
      'a: the pod prefix 10.0.0.0/24 of a overlaps route of docker0 of b (10.0.0.0/16)',
      'a: the pod prefix 10.0.0.0/24 of a overlaps the pod prefix 10.0.0.0/24 of c',
      'c: the pod prefix 10.0.0.0/24 of c overlaps route of docker0 of b (10.0.0.0/16)',
      'c: the pod prefix 10.0.0.0/24 of c overlaps the pod prefix 10.0.0.0/24 of a',
    ]);
  });

  it('lets the prefix of a node that is gone rest, and gives it back to a node of that name only', () => {
    const first = plan([node('a'), node('b')]);
    const withPrefix = node('b', { podPrefixes: [parsePrefix('10.0.1.0/24')] });
    const second = plan([withPrefix, node('c')], { record: first.record, now: 1000 });
    assert.deepEqual(given(second), { c: '10.0.2.0/24' });
    assert.equal(second.deadline, 1000 + QUARANTINE);
    const back = plan([withPrefix, node('a')], { record: second.record, now: 2000 });
    assert.deepEqual(given(back), { a: '10.0.0.0/24' });
    const later = plan([withPrefix, node('d')], { record: second.record, now: 1000 + QUARANTINE });
    assert.deepEqual(given(later), { d: '10.0.0.0/24' });
  });

  it('keeps a promise that was recorded and never written', () => {
    const { record } = plan([node('a', { created: '1' })]);
    assert.deepEqual(given(plan([node('z', { created: '0' }), node('a', { created: '1' })], { record })), {
      a: '10.0.0.0/24',
      z: '10.0.1.0/24',
    });
  });

  it('gives all families or none', () => {
    const configuration = parseClusterConfiguration({ clusterPrefixes: ['10.0.0.0/16', 'fd00::/64'] });
    const result = plan([node('a'), node('b')], { configuration });
    assert.deepEqual(given(result), { a: '10.0.0.0/24,fd00::/64' });
    assert.match(result.exhausted[0]?.message ?? '', /fd00::\/64/);
  });

  it('plans five thousand nodes at once', () => {
    const configuration = parseClusterConfiguration({
      clusterPrefixes: ['10.0.0.0/8', 'fd00:10::/48'],
      servicePrefixes: [],
    });
    const nodes = Array.from({ length: 5000 }, (_, index) =>
      node(`node-${index}`, { addresses: [parseAddress(`192.168.${index >> 8}.${index & 255}`)] }),
    );
    assert.equal(plan(nodes, { configuration }).assignments.length, 5000);
  });

  it('never gives overlapping prefixes, nor one that rests, over any history', () => {
    const step = fc.record({
      name: fc.constantFrom(...'abcdefghij'),
      action: fc.constantFrom('join', 'leave', 'foreign', 'crash'),
      wait: fc.nat(400_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const nodes = new Map<string, PrefixNode>();
        const restsUntil: { readonly prefix: Prefix; readonly until: number; readonly name: string }[] = [];
        let record = EMPTY_PREFIX_RECORD;
        let now = 0;
        for (const { name, action, wait } of steps) {
          now += wait;
          const present = nodes.get(name);
          if (action === 'leave' && present !== undefined) {
            nodes.delete(name);
            for (const prefix of present.podPrefixes) restsUntil.push({ prefix, until: now + QUARANTINE, name });
          } else if (action === 'join' && present === undefined) nodes.set(name, node(name));
          else if (action === 'foreign' && present !== undefined)
            nodes.set(name, { ...present, foreign: [{ prefix: parsePrefix('10.0.2.0/23'), source: 'x' }] });
          const result = plan([...nodes.values()], { record, now });
          record = result.record;
          if (action === 'crash') continue; // the record is written, the nodes are not
          const before = [...nodes.values()].flatMap(({ podPrefixes }) => podPrefixes);
          for (const { node: target, prefixes } of result.assignments) {
            for (const prefix of prefixes) {
              assert.ok(!before.some((other) => prefixesOverlap(prefix, other)));
              const resting = restsUntil.filter(({ until, name: owner }) => until > now && owner !== target.name);
              assert.ok(
                !resting.some((other) => prefixesOverlap(prefix, other.prefix)),
                `${formatPrefix(prefix)} rests`,
              );
              const foreign = [...nodes.values()].flatMap((other) => other.foreign ?? []);
              assert.ok(!foreign.some((other) => prefixesOverlap(prefix, other.prefix)));
            }
            nodes.set(target.name, { ...target, podPrefixes: prefixes });
            before.push(...prefixes);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
