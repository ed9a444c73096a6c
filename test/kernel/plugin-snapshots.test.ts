import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { canonicalTable } from '../../src/netfilter/canonical-table.ts';
import { parseNftJson } from '../../src/netfilter/nft-json/parse-ruleset.ts';
import { parseNftText } from '../../src/netfilter/nft-text/parse-ruleset.ts';
import type { Table } from '../../src/netfilter/node.ts';
import { newNamespace } from '../namespace.ts';
import { CalicoCluster } from '../snapshots/calico.ts';
import type { ServiceSpec } from '../snapshots/cluster-dump.ts';
import { DockerCluster } from '../snapshots/docker.ts';
import { FlannelCluster } from '../snapshots/flannel.ts';
import { KubeRouterCluster } from '../snapshots/kube-router.ts';
import { NFT_MISSING } from './nft-program.ts';
import { missing } from './planned-cluster.ts';

const MISSING = missing(['iptables-nft-restore', 'iptables-nft-save']) || NFT_MISSING;

const SERVICES: readonly ServiceSpec[] = ['web', 'sticky', 'idle'].map((name, index) => ({
  namespace: 'default',
  name,
  clusterIp: `10.96.0.1${index}`,
  port: 80,
  nodePort: 30080 + index,
  ...(name === 'sticky' && { affinity: 10800 }),
  endpoints:
    name === 'idle'
      ? []
      : [
          { address: '10.244.0.2', port: 8080 },
          { address: '10.244.1.2', port: 8080 },
        ],
}));

function runWith(namespace: NetworkNamespace, program: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = namespace.run(() => spawnSync(program, args, { encoding: 'utf8', input }));
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** nft has no word in JSON for sets that rules add to. */
function plain(table: Table): Table {
  const sets = table.sets.map((set) => ({ ...set, flags: set.flags.filter((flag) => flag !== 'dynamic') }));
  return canonicalTable({ ...table, sets });
}

/** Rules without what this machine's kernel may lack, and without what a restore of them leaves out. */
function loadable(text: string): string {
  return text.replaceAll(/^-A .* -m (?:nfacct|set) .*\n/gm, '').replaceAll(/^#.*\n/gm, '');
}

/** The tables of a dump, in the order of their names. */
function tablesOf(text: string): readonly string[] {
  return [...loadable(text).matchAll(/^\*[\s\S]*?^COMMIT$/gm)].map(([table]) => table).sort();
}

/** That the kernel takes the rules of a hand-made snapshot, and iptables-save prints them as they stand in it. */
function printsBack(t: TestContext, text: string): void {
  const namespace = newNamespace(t);
  runWith(namespace, 'iptables-nft-restore', [], loadable(text));
  assert.deepEqual(tablesOf(runWith(namespace, 'iptables-nft-save', [])), tablesOf(text));
}

describe('snapshots made by hand', { skip: MISSING }, () => {
  for (const layout of ['chains', 'maps'] as const)
    it(`have kube-proxy's table as nft prints it: ${layout}`, (t) => {
      const options = { proxy: layout, masquerade: 'flanneld', services: SERVICES } as const;
      const text = new FlannelCluster(options).host(0).root.files().get('nft.txt') ?? '';
      const namespace = newNamespace(t);
      runWith(namespace, 'nft', ['-f', '-'], text);
      assert.equal(runWith(namespace, 'nft', ['list', 'ruleset']), text);
      const json = runWith(namespace, 'nft', ['-j', 'list', 'ruleset']);
      assert.deepEqual(parseNftJson(json).tables.map(plain), parseNftText(text).tables.map(plain));
    });

  for (const [name, cluster] of [
    ['flannel', new FlannelCluster({ proxy: 'iptables-nft', masquerade: 'flanneld', services: SERVICES })],
    ['ip-masq-agent', new FlannelCluster({ proxy: 'iptables-nft', masquerade: 'ip-masq-agent' })],
    ['Calico', new CalicoCluster({ network: 'vxlan', exclusions: 'IPPoolsOnly', encapsulation: 'dropped' })],
    ['kube-router', new KubeRouterCluster()],
    ['Docker 27', new DockerCluster({ ranges: 'own', masquerade: true, admitted: true, release: 27, published: 1 })],
    ['Docker 28', new DockerCluster({ ranges: 'own', masquerade: true, admitted: true, release: 28 })],
  ] as const)
    it(`have rules as iptables-save prints them: ${name}`, (t) => {
      printsBack(t, cluster.host(0).root.files().get('iptables-save.txt') ?? '');
    });
});
