import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SiteMap } from './model/site.ts';
import { exampleSnapshot } from './snapshot/example-snapshot.ts';
import { readSnapshot } from './snapshot/read-snapshot.ts';
import { formatTrace, trace } from './trace.ts';
import { findSender, findTarget } from './trace-endpoint.ts';

const RULES = `*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.2:8080
COMMIT
`;

interface ServiceFields {
  readonly endpoints?: readonly { readonly address: string; readonly node: string; readonly ready: boolean }[];
  readonly spec?: object;
}

function clusterWith({ endpoints = [], spec = {} }: ServiceFields): string {
  return JSON.stringify({
    items: [
      ...[0, 1].map((number) => ({
        kind: 'Node',
        metadata: { name: `node${number}` },
        status: { addresses: [{ type: 'InternalIP', address: `192.0.2.${number + 1}` }] },
      })),
      {
        kind: 'Service',
        metadata: { name: 'web', namespace: 'default' },
        spec: {
          clusterIP: '10.96.0.1',
          clusterIPs: ['10.96.0.1'],
          ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }],
          type: 'NodePort',
          ...spec,
        },
      },
      {
        kind: 'EndpointSlice',
        metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        ports: [{ port: 8080, protocol: 'TCP' }],
        endpoints: endpoints.map(({ address, node, ready }) => ({
          addresses: [address],
          nodeName: node,
          conditions: { ready },
        })),
      },
    ],
  });
}

/** What trace --why-not says. */
function ask(target: string, rules: readonly [string, string], cluster: string, from = 'pod/default/p00'): string {
  const snapshot = readSnapshot(exampleSnapshot(rules, { 'cluster.json': cluster }));
  const map = new SiteMap(snapshot.hosts);
  const sender = findSender(from, map);
  const { address, port, meant } = findTarget(target, sender, map, snapshot.cluster);
  const outcomes = trace(map, {
    from: sender,
    to: address,
    ...(meant !== undefined && { meant }),
    probe: { protocol: 'tcp', ...(port !== undefined && { port }) },
    whyNot: { ...(snapshot.cluster !== undefined && { cluster: snapshot.cluster }) },
  });
  return formatTrace(outcomes ?? assert.fail('no way to begin'), 'why-not');
}

const READY = [{ address: '10.244.1.2', node: 'node1', ready: true }];

describe('trace --why-not', () => {
  it('says so where nothing stands in the way', () => {
    assert.equal(
      ask('svc/default/web', [RULES, ''], clusterWith({ endpoints: READY })),
      '100 %: delivered at pod/default/p10, which sees 10.244.0.2:32768 → 10.244.1.2:8080\n' +
        '    Nothing stands in the way: it arrives, and is answered.\n',
    );
  });

  it('names the rule in the way, of the packet or of its answer, and what would let it pass', () => {
    const drop = '*filter\n:FORWARD DROP [0:0]\n-A FORWARD -s 10.244.0.0/24 -j ACCEPT\nCOMMIT\n';
    assert.equal(
      ask('pod/default/p10:80', [drop, ''], clusterWith({})),
      '100 %: delivered at pod/default/p10, which sees 10.244.0.2:32768 → 10.244.1.2:80\n' +
        '    In the way:  the policy of FORWARD is to drop forwarded packets\n' +
        '                 node/node0: table ip iptables-legacy/filter, chain FORWARD: policy drop\n' +
        '    To pass:     iptables-legacy -I FORWARD -s 10.244.1.0/24 -d 10.244.0.0/24 -j ACCEPT\n',
    );
    const behind = ask(
      'svc/default/web',
      [RULES, drop.replaceAll('0.0/24', '9.0/24')],
      clusterWith({ endpoints: READY }),
    );
    assert.match(
      behind,
      /In the way: {2}the policy of FORWARD .*\n.*node\/node1: .*\n.*-d 10\.244\.1\.0\/24 -j ACCEPT/,
    );
  });

  it('names what a service itself objects to', () => {
    const refuse = `*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 10.96.0.1/32 -j REJECT\nCOMMIT\n`;
    assert.match(
      ask('svc/default/web', [refuse, ''], clusterWith({})),
      /In the way: {2}service default\/web has no endpoints\n/,
    );
    assert.match(
      ask(
        'svc/default/web',
        [refuse, ''],
        clusterWith({ endpoints: [{ address: '10.244.1.2', node: 'node1', ready: false }] }),
      ),
      /has no endpoint that is ready\n.*10\.244\.1\.2 not ready\n.*readiness probes/,
    );
    assert.match(
      ask('svc/default/web:81', [refuse, ''], clusterWith({ endpoints: READY })),
      /has no such port\n.*80\/tcp \(node port 30080\); asked was tcp 10\.244\.0\.2:32768 → 10\.96\.0\.1:81\n/,
    );
    const local = { internalTrafficPolicy: 'Local' };
    assert.match(
      ask('svc/default/web', [refuse, ''], clusterWith({ endpoints: READY, spec: local })),
      /served by endpoints of the asked node alone, and that has none\n.*internalTrafficPolicy is Local; node\/node0 has no endpoint, node1 has\n.*set internalTrafficPolicy to Cluster/,
    );
    const ranges = {
      type: 'LoadBalancer',
      loadBalancerSourceRanges: ['203.0.113.0/24'],
      externalIPs: ['192.0.2.200'],
    };
    assert.match(
      ask('192.0.2.200:80', ['', ''], clusterWith({ endpoints: READY, spec: ranges })),
      /open to some sources only\n.*203\.0\.113\.0\/24 without 10\.244\.0\.2\n.*add 10\.244\.0\.2/,
    );
    assert.match(
      ask('svc/default/web', ['', ''], clusterWith({ endpoints: READY })),
      /no rule leads to the service\n.*node\/node0: nothing translates 10\.96\.0\.1 \(service default\/web\)\n.*kube-proxy/,
    );
  });

  it('says what nobody can tell from here', () => {
    assert.match(
      ask('203.0.113.9:80', ['', ''], clusterWith({})),
      /unknown at node\/node0.*\n {4}In the way: {2}nobody can tell from here: it leaves by eth0 to 192\.0\.2\.254/,
    );
  });
});
