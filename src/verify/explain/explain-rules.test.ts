import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exampleSnapshot } from '../snapshot/example-snapshot.ts';
import { readSnapshot } from '../snapshot/read-snapshot.ts';
import { verifyHosts } from '../verify-hosts.ts';
import { type ExplainedClass, explainRules } from './explain-rules.ts';
import { formatExplanation } from './format-explanation.ts';

function explain(rules: readonly [string, string]): ReadonlyMap<string, ExplainedClass> {
  const { hosts } = readSnapshot(exampleSnapshot(rules));
  return new Map(explainRules(hosts).map((one) => [one.path, one]));
}

const MASQUERADE = `*nat
:POSTROUTING ACCEPT [0:0]
:POD-MASQ - [0:0]
-A POSTROUTING -s 10.244.0.0/16 -j POD-MASQ
-A POD-MASQ -d 10.244.0.0/16 -j RETURN
-A POD-MASQ -j MASQUERADE
COMMIT
`;

describe('explainRules', () => {
  it('tells the bridge, the routes, and the rule that leaves packets of the cluster alone', () => {
    const classes = explain([MASQUERADE, '']);
    const near = classes.get('pods of one host');
    assert.equal(near?.pairs, 4);
    assert.deepEqual(near?.ways[0]?.mechanism, [
      'pod/default/p00 sends it by its route 10.244.0.0/24 dev eth0',
      'a bridge of node/node0 passes it on to pod/default/p01 as a frame, unrouted',
      'pod/default/p01 gets it as it was sent: 10.244.0.2 → 10.244.0.3',
      'the answer comes back',
    ]);
    const far = classes.get('pods of hosts on one subnet');
    assert.deepEqual([far?.rule, far?.pairs], ['pod-to-pod', 8]);
    assert.deepEqual(far?.ways[0]?.mechanism, [
      'pod/default/p00 sends it by its route default via 10.244.0.1 dev eth0',
      'node/node0 sends it by its route 10.244.1.0/24 via 192.0.2.2 dev eth0',
      'node/node0 leaves its source alone: -A POD-MASQ -d 10.244.0.0/16 -j RETURN (table ip iptables-legacy/nat, chain POD-MASQ)',
      'node/node1 sends it by its route 10.244.1.0/24 dev cni0',
      'node/node1 has no rule that writes another source',
      'pod/default/p10 gets it as it was sent: 10.244.0.2 → 10.244.1.2',
      'the answer comes back',
    ]);
    assert.match(
      classes.get('pods to an address outside the cluster')?.ways[0]?.mechanism.join('\n') ?? '',
      /node\/node0 gives it another source: -A POD-MASQ -j MASQUERADE/,
    );
  });

  it('says why ways break, with the verdicts of a report', () => {
    const drop = '*filter\n:FORWARD DROP [0:0]\nCOMMIT\n';
    const { hosts } = readSnapshot(exampleSnapshot(['', drop]));
    const classes = explainRules(hosts);
    const far = classes.find(({ path }) => path === 'pods of hosts on one subnet');
    assert.deepEqual(
      far?.ways.map(({ verdict, cause }) => [verdict, cause?.responsible]),
      [
        ['violated', 'node/node1: table ip iptables-legacy/filter, chain FORWARD: policy drop'],
        ['violated', 'node/node1: table ip iptables-legacy/filter, chain FORWARD: policy drop'],
      ],
    );
    const text = formatExplanation(classes, verifyHosts(hosts));
    assert.match(text, /^✘ pod-to-pod is broken: every pod reaches every pod without NAT\n/);
    assert.match(
      text,
      /✘ pod\/default\/p00 → pod\/default\/p10: [\s\S]* because the policy of FORWARD is to drop forwarded packets: node\/node1/,
    );
    assert.match(text, /on none of these ways does a rule write another address/);
  });

  it('tells which rule it is that others are seen by another address', () => {
    const all = MASQUERADE.replace('-A POD-MASQ -d 10.244.0.0/16 -j RETURN\n', '');
    const { hosts } = readSnapshot(exampleSnapshot([all, '']));
    const text = formatExplanation(explainRules(hosts), verifyHosts(hosts));
    assert.match(
      text,
      /✘ same-address is broken[\s\S]*on these ways a rule writes another address into packets:\n.*p00 → .*-A POD-MASQ -j MASQUERADE/,
    );
    assert.match(text, /because a rule masquerades packets of pods to pods: node\/node0: /);
  });
});
