import assert from 'node:assert/strict';
import { it } from 'node:test';
import { EVENTS } from '../../src/kube/resource.ts';
import { ClusterLab, NO_RESYNC } from './cluster-lab.ts';
import { until } from './lab-fixture.ts';

/** As Docker leaves a host: what is forwarded is dropped unless a rule of its own accepts it. */
const DROP =
  "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'";
/** Foreign tables are looked at when something else has changed. */
const NUDGE = 'ip link add nudge type bridge; ip link delete nudge';
const MEND = `nft delete table ip filter; ${NUDGE}`;
const SAYS =
  /plan (?:failed|warning): the plan breaks pod-to-pod: the policy of FORWARD is to drop forwarded packets \(node\/node-2: table ip filter, chain FORWARD: policy drop\).*-I FORWARD/;

it('an agent that proves its plans', async (t) => {
  const lab = await ClusterLab.start(t, { families: [4], hosts: [{ name: 'node-1' }, { name: 'node-2' }] });
  const on = (script: string) => lab.sh('node/node-2', script);
  const breaches = () => {
    const text = on('curl -s http://127.0.0.1:10351/metrics | grep ^flatnet_plan_breaches || true');
    return /\{rule="pod-to-pod"\} (\d+)/.exec(text)?.[1];
  };

  await t.test('carries out a plan that breaks nothing', async () => {
    await lab.reconfigureAgent('node-2', `verifyPlans: enforce\n${NO_RESYNC}`);
    lab.assertVerified();
    await until('no breach is counted', () => breaches() === '0');
  });

  await t.test('refuses one that breaks a rule, leaves what is in force, and says why', async () => {
    const state = 'ip route show proto 102; ip rule; nft list tables | grep flatnet';
    const before = on(state);
    on(`${DROP}; ${NUDGE}`);
    await until('it refuses', () => /^\[-\]plan failed/m.test(lab.readyz('node-2')) && SAYS.test(lab.readyz('node-2')));
    assert.equal(on(state), before);
    await until('the breach is counted', () => breaches() === '1');
    await until('an Event says so', async () =>
      (await lab.client.list(EVENTS)).items.some(
        ({ reason, message = '', involvedObject }) =>
          reason === 'RuleBroken' && involvedObject.name === 'node-2' && message.includes('breaks pod-to-pod'),
      ),
    );
    on(MEND);
    await lab.untilReady('node-2');
    await until('no breach is counted', () => breaches() === '0');
    lab.assertVerified();
  });

  await t.test('carries it out with a warning where it is told to', async () => {
    on('sed -i "s/^verifyPlans: .*/verifyPlans: warn/" /etc/flatnet/agent.yaml');
    await lab.restartAgent('node-2');
    on(`${DROP}; ${NUDGE}`);
    await until('it warns', () => /^\[!\]plan warning/m.test(lab.readyz('node-2')) && SAYS.test(lab.readyz('node-2')));
    on(MEND);
    await until('it is content', () => /^\[\+\]plan ok/m.test(lab.readyz('node-2')));
  });
});
