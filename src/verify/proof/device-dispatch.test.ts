import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plannedCluster, withNft } from './planned-hosts.ts';
import { proofScene } from './prove-rules.ts';

const PODS = [0, 1, 2, 3] as const;
const { hosts } = plannedCluster({ hosts: 1, pods: PODS.length, backend: 'host-gw', families: [4] });

interface Shape {
  /** What leads packets to the pods' chains `p0` to `p3`, one line for each. */
  readonly dispatch: readonly string[];
  readonly chains?: readonly string[];
  readonly others?: string;
}

/** The pods of a host that are asked about together, by their numbers. */
function together({ dispatch, chains = PODS.map(() => 'tcp dport 80 drop'), others = '' }: Shape): readonly string[] {
  const text = `table ip d { ${others} ${chains.map((rules, pod) => `chain p${pod} { ${rules}; }`).join(' ')}
    chain dispatch { ${dispatch.join('; ')}; drop; }
    chain c { type filter hook forward priority 10; ct state established accept; iifname "veth*" jump dispatch; } }`;
  const { groups } = proofScene(withNft(hosts, 'node-0', text), {});
  return groups.flatMap(({ kind, members }) =>
    kind === 'node' ? [] : [members.map(({ site }) => site.name.slice('pod/node-0/'.length)).join('')],
  );
}

const LIST = [2, 0, 3, 1].map((pod) => `iifname "veth${pod}" goto p${pod}`);

describe('DeviceDispatch', () => {
  it('takes pods for alike whose chains are, in whatever order they stand', () => {
    assert.deepEqual(together({ dispatch: LIST }), ['0123']);
  });

  it('takes a tree of chains, and a map of them, for what they come to', () => {
    const branch = (...pods: readonly number[]) => pods.map((pod) => `iifname "veth${pod}" goto p${pod}`).join('; ');
    const tree = ['iifname { "veth0", "veth2" } goto one', branch(3), 'iifname "veth1*" goto other'];
    const others = `chain one { ${branch(2, 0)}; drop; } chain other { ${branch(1)}; drop; }`;
    assert.deepEqual(together({ dispatch: tree, others }), ['0123']);
    // whoever comes back from a branch is dropped behind it
    const returning = others.replaceAll('; drop;', ';').replaceAll('goto', 'jump');
    const passing = tree.map((line) => line.replaceAll('goto', 'jump'));
    assert.deepEqual(together({ dispatch: passing, others: returning }), ['012', '3']);
    const map = `map m { type ifname : verdict; elements = { ${PODS.map((pod) => `"veth${pod}" : goto p${pod}`).join(', ')} } }`;
    assert.deepEqual(together({ dispatch: ['iifname vmap @m'], others: map }), ['0123']);
  });

  it('tells apart pods whose chains ask something else', () => {
    const chains = ['tcp dport 80 drop', 'tcp dport 81 drop', 'tcp dport 80 drop', 'jump profile'];
    const others = 'chain profile { tcp dport 80 drop; }';
    assert.deepEqual(together({ dispatch: LIST, chains, others }), ['02', '1', '3']);
  });

  it('tells apart a pod that nothing leads to rules of its own', () => {
    assert.deepEqual(together({ dispatch: LIST.slice(1) }), ['013', '2']);
  });

  it('tells apart those before and those behind a rule for all', () => {
    assert.deepEqual(together({ dispatch: [...LIST.slice(0, 2), 'tcp dport 443 drop', ...LIST.slice(2)] }), [
      '02',
      '13',
    ]);
  });

  it('tells apart those before and those behind a rule that marks packets of others too', () => {
    const marking = ['meta mark set 0x8 iifname "veth2" goto p2', ...LIST.slice(1)];
    assert.deepEqual(together({ dispatch: marking }), ['013', '2']);
  });

  it('tells all apart where a rule asks for both ends', () => {
    const dispatch = ['iifname "veth3" oifname "veth2" drop', ...LIST];
    assert.deepEqual(together({ dispatch }), ['0', '1', '2', '3']);
  });

  it('takes pods for alike whose chains name their own address, and no others', () => {
    const chains = PODS.map((pod) => `ip saddr != 10.244.0.${pod + 2} drop`);
    assert.deepEqual(together({ dispatch: LIST, chains }), ['0123']);
    assert.deepEqual(together({ dispatch: LIST, chains: [...chains.slice(0, 3), 'ip saddr != 10.244.0.2 drop'] }), [
      '012',
      '3',
    ]);
  });
});
