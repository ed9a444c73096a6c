import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { announcedDirectory, attachment, nodeInput, plannedHost } from '../plan/arbitrary.ts';
import { type NodeInput, planNode } from '../plan/plan-node.ts';
import { breachFindings, PlanProof } from './plan-proof.ts';

function input(backend: 'auto' | 'host-gw' | 'vxlan' | 'cloud', count = 4): NodeInput {
  const hosts = Array.from({ length: count }, (_, number) =>
    plannedHost({ number, subnet: backend === 'host-gw' ? 1 : 1 + (number % 2), families: [4, 6], backend }),
  );
  const [own] = hosts;
  assert.ok(own !== undefined);
  const attachments = [attachment(own, 0), attachment(own, 1)];
  return nodeInput(own, announcedDirectory(hosts), { attachments });
}

function planOf(given: NodeInput) {
  return planNode(given).plan ?? assert.fail();
}

describe('PlanProof', () => {
  for (const backend of ['auto', 'host-gw', 'vxlan', 'cloud'] as const)
    it(`finds nothing wrong with plans of ${backend}`, async () => {
      const given = input(backend);
      assert.deepEqual(await new PlanProof().breaches(given, planOf(given)), []);
    });

  it('names what takes packets of the pods of this node, as a refusal or a warning', async () => {
    const sound = input('auto');
    const facts = {
      ...sound.facts,
      forwardDropped: [{ family: 'ip', table: 'filter', chain: 'FORWARD' }] as const,
    };
    const given = { ...sound, facts };
    const breaches = await new PlanProof().breaches(given, planOf(given));
    assert.deepEqual(new Set(breaches.map(({ rule }) => rule)), new Set(['pod-to-pod', 'node-to-pod']));
    const [finding] = breachFindings(breaches, 'refusal');
    assert.deepEqual([finding?.severity, finding?.code], ['refusal', 'rule-broken']);
    assert.match(
      finding?.message ?? '',
      /^the plan breaks (?:pod|node)-to-pod: the policy of FORWARD is to drop forwarded packets \(node\/\S+: table ip filter, chain FORWARD: policy drop\), for packets from /,
    );
    assert.match(finding?.remedy ?? '', /-I FORWARD/);
    const settings = { ...given.settings, allowForward: 'insert' as const };
    const allowed = { ...given, settings };
    assert.deepEqual(await new PlanProof().breaches(allowed, planOf(allowed)), []);
  });

  it('proves again only what has changed', async () => {
    const given = input('auto');
    const proof = new PlanProof();
    const first = await proof.breaches(given, planOf(given));
    assert.equal(await proof.breaches(given, planOf(given)), first);
    const fewer = { ...given, attachments: given.attachments.slice(1) };
    assert.notEqual(await proof.breaches(fewer, planOf(fewer)), first);
  });

  it('costs the same whatever the number of peers', async (t) => {
    for (const count of [4, 200]) {
      const given = input('auto', count);
      const plan = planOf(given);
      const { user } = process.cpuUsage();
      assert.deepEqual(await new PlanProof().breaches(given, plan), []);
      t.diagnostic(`${count} nodes: ${Math.round((process.cpuUsage().user - user) / 1000)} ms of CPU`);
    }
  });
});
