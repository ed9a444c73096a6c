import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';

const PROGRAM = path.join(import.meta.dirname, 'main.ts');

/** A service with two pods behind it, as somebody writes it down who has no cluster at hand. */
const NGINX = `
apiVersion: v1
kind: Service
metadata: {name: nginx, namespace: default}
spec:
  clusterIP: 10.0.33.45
  selector: {app: nginx}
  ports: [{name: web, port: 80}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: nginx}
spec: {replicas: 2, serviceName: nginx}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: nginx-1, labels: {app: nginx}}, status: {podIP: 10.240.0.57}}
- {apiVersion: v1, kind: Pod, metadata: {name: nginx-0, labels: {app: nginx}}, status: {podIP: 10.240.0.28}}
- {apiVersion: v1, kind: Pod, metadata: {name: other, labels: {app: other}}, status: {podIP: 10.240.0.99}}
`;

const NODES = `
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.244.1.0/24]}
status: {addresses: [{type: InternalIP, address: 192.168.1.11}]}
---
apiVersion: v1
kind: Node
metadata: {name: node-2}
spec: {podCIDRs: [10.244.2.0/24]}
status: {addresses: [{type: InternalIP, address: 192.168.1.12}]}
`;

function flatnet(input: string, ...args: readonly string[]) {
  return spawnSync(process.execPath, [PROGRAM, 'plan', ...args], { input, encoding: 'utf8' });
}

function planned(input: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = flatnet(input, ...args, '-f', '-');
  assert.equal(status, 0, stderr);
  return stdout;
}

describe('flatnet plan', () => {
  it('prints services as kube-proxy would load them, letter for letter', () => {
    const lines = planned(NGINX, '--node', 'node-1', '--as', 'iptables').split('\n');
    const expected = [
      '-A KUBE-SERVICES -d 10.0.33.45/32 -p tcp -m comment --comment "default/nginx:web cluster IP" -m tcp --dport 80 -j KUBE-SVC-YK2SNH4V42VSDWIJ',
      '-A KUBE-SVC-YK2SNH4V42VSDWIJ -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-B4KBD76YHXMJL4VO',
      '-A KUBE-SVC-YK2SNH4V42VSDWIJ -j KUBE-SEP-V73B5NNFXA6V3U7A',
      '-A KUBE-SEP-B4KBD76YHXMJL4VO -p tcp -m tcp -j DNAT --to-destination 10.240.0.28:80',
      '-A KUBE-SEP-V73B5NNFXA6V3U7A -p tcp -m tcp -j DNAT --to-destination 10.240.0.57:80',
    ];
    assert.deepEqual(
      lines.filter((line) => expected.includes(line)),
      expected,
    );
  });

  it('takes EndpointSlices where they are given, and not the selector', () => {
    const slice = `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: nginx-x, labels: {kubernetes.io/service-name: nginx}}
addressType: IPv4
ports: [{name: web, port: 8080}]
endpoints: [{addresses: [10.244.2.9], nodeName: node-2}]
`;
    const text = planned(NGINX + slice, '--node', 'node-1', '--as', 'iptables');
    assert.match(text, /DNAT --to-destination 10\.244\.2\.9:8080/);
    assert.doesNotMatch(text, /10\.240\.0\.28/);
  });

  it('prints the whole plan of a node, with addresses as text', () => {
    const { node, services } = JSON.parse(planned(NGINX + NODES, '--node', 'node-1', '--as', 'json'));
    assert.deepEqual(node.podPrefixes, ['10.244.1.0/24']);
    assert.deepEqual(node.paths, [
      {
        node: 'node-2',
        family: 4,
        prefix: '10.244.2.0/24',
        path: { kind: 'direct', nextHop: '192.168.1.12', device: 'eth0', source: '192.168.1.11' },
      },
    ]);
    assert.deepEqual(services.services['default/nginx'].pools[0].endpoints[0], {
      address: '10.240.0.28',
      port: 80,
      local: false,
    });
  });

  it('takes what a host is like from HostFacts, and so plans a tunnel to a host on another subnet', () => {
    const facts = `
---
apiVersion: flatnet.io/v1
kind: HostFacts
metadata: {name: node-1}
spec: {uplinks: [{device: ens3, mtu: 1400, addresses: [192.168.1.11/32]}]}
`;
    const { node } = JSON.parse(planned(NGINX + NODES + facts, '--node', 'node-1', '--as', 'json'));
    assert.equal(node.podMtu, 1350);
    assert.equal(node.paths[0].path.kind, 'tunnel');
    assert.equal(node.overlays[0].underlay, 'ens3');
  });

  it('prints our tables, of one family where asked', () => {
    const text = planned(NGINX + NODES, '--node', 'node-1', '--as', 'nft');
    assert.match(text, /table ip flatnet \{/);
    assert.match(text, /10\.0\.33\.45 \. tcp \. 80/);
    assert.doesNotMatch(planned(NGINX + NODES, '--node', 'node-1', '--as', 'nft', '--family', '6'), /table ip /);
  });

  it('refuses what it is not told in full, and prints nothing then', () => {
    for (const args of [
      ['--as', 'nft', '-f', '-'],
      ['--node', 'node-1', '-f', '-'],
      ['--node', 'node-1', '--as', 'ipvs', '-f', '-'],
      ['--node', 'node-1', '--as', 'nft'],
      ['--node', 'node-1', '--as', 'nft', '-f', '-', '--family', '5'],
    ]) {
      const { status, stdout, stderr } = flatnet(NGINX, ...args);
      assert.deepEqual([status, stdout], [64, ''], args.join(' '));
      assert.match(stderr, /Usage: flatnet plan/);
    }
  });

  it('names what is wrong with a manifest, and what it lacks', () => {
    const failure = (input: string, node = 'node-1') => {
      const { status, stdout, stderr } = flatnet(input, '--node', node, '--as', 'nft', '-f', '-');
      assert.deepEqual([status, stdout], [1, '']);
      return stderr;
    };
    assert.match(failure(NODES, 'node-9'), /no Node node-9 .*\n.*node-1, node-2/);
    assert.match(failure('kind: Service'), /document 1\) is no Kubernetes object/);
    assert.match(failure(NGINX.replace('port: 80', 'port: http')), /document 1\): Service: .*port/);
    assert.match(failure(NODES.replace('10.244.1.0/24', '10.244.2.0/24')), /no pod prefix of its own/);
    assert.match(failure(NODES + NODES), /Node node-1 stands in the manifests twice/);
  });

  describe('--verify', () => {
    const PODS = ['10.244.1.2', '10.244.2.2']
      .map(
        (address, number) => `
---
apiVersion: v1
kind: Pod
metadata: {name: pod-${number}}
spec: {nodeName: node-${number + 1}}
status: {podIP: ${address}}
`,
      )
      .join('');

    it('proves the rules for all nodes and pods of manifests', () => {
      const { status, stdout, stderr } = flatnet(NODES + PODS, '--verify', '-f', '-');
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^✔ pod-to-pod +holds +2 pairs.*\n✔ node-to-pod +holds +8 pairs/);
      assert.match(stderr, /without HostFacts, .* is taken for granted: node-1, node-2/);
    });

    it('names what breaks them, in words and as JSON', () => {
      const facts = `
---
apiVersion: flatnet.io/v1
kind: HostFacts
metadata: {name: node-2}
spec:
  uplinks: [{device: eth0, mtu: 1500, addresses: [192.168.1.12/24]}]
  forwardDropped: [{family: ip, table: filter, chain: FORWARD}]
`;
      const { status, stdout } = flatnet(NODES + PODS + facts, '--verify', '-o', 'json', '-f', '-');
      assert.equal(status, 1);
      const { verdict, rules } = JSON.parse(stdout);
      assert.equal(verdict, 'violated');
      const [{ cause, responsible, pairs, counterexample }] = rules[0].violations;
      assert.equal(cause, 'the policy of FORWARD is to drop forwarded packets');
      assert.equal(responsible, 'node/node-2: table ip filter, chain FORWARD: policy drop');
      assert.deepEqual([pairs, counterexample.from, counterexample.to], [2, 'pod/default/pod-0', 'pod/default/pod-1']);
    });

    it('prints a plan beside its proof, and refuses half a request', () => {
      const asked = ['--node', 'node-1', '--as', 'nft'];
      const { status, stdout, stderr } = flatnet(NODES + PODS, '--verify', ...asked, '-f', '-');
      assert.equal(status, 0, stderr);
      assert.match(stdout, /table ip flatnet \{/);
      assert.match(stderr, /✔ pod-to-pod/);
      assert.equal(flatnet(NODES, '--verify', '--node', 'node-1', '-f', '-').status, 64);
      assert.equal(flatnet(NODES, '--verify').status, 64);
    });
  });
});
