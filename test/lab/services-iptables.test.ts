import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../src/kube/object.ts';
import { DEPLOYMENTS, ENDPOINT_SLICES, type KubeResource, NODES, PODS, SERVICES } from '../../src/kube/resource.ts';
import { parseIptablesSave } from '../../src/netfilter/iptables/parse-iptables-save.ts';
import { planRestore, withOwner } from '../../src/render/iptables/restore-plan.ts';
import { IPTABLES_MISSING } from '../kernel/iptables-program.ts';
import { ClusterLab } from './cluster-lab.ts';
import { until } from './lab-fixture.ts';

const MAIN = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
const LABELS = { app: 'web' };

/** Two pods behind a service of each family with a node port; one of them has a bandwidth limit to speak of. */
const WEB = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS, annotations: { 'kubernetes.io/egress-bandwidth': '50M' } },
        spec: { containers: [{ name: 'web', image: 'web', ports: [{ containerPort: 8080, hostPort: 18080 }] }] },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      type: 'NodePort',
      selector: LABELS,
      ipFamilyPolicy: 'RequireDualStack',
      ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }],
    },
  },
];

function rules(lab: ClusterLab, node: string, family: 4 | 6 = 4): string {
  return lab.sh(`node/${node}`, `${family === 4 ? 'iptables' : 'ip6tables'}-save`);
}

function serviceTables(lab: ClusterLab, node: string): string {
  return lab.sh(`node/${node}`, 'nft list tables');
}

describe('an agent in mode iptables', { skip: IPTABLES_MISSING }, () => {
  it("leads to services by kube-proxy's rules, and takes over from our tables and gives back to them", async (t) => {
    const lab = await ClusterLab.start(t, { hosts: [{ name: 'node-1' }, { name: 'node-2' }] }, WEB);
    const addresses = lab.now().services.find(({ name }) => name === 'web')?.addresses ?? [];
    assert.equal(addresses.length, 2);
    const answers = (where: string, address: string, port = 80) => {
      const host = address.includes(':') ? `[${address}]` : address;
      return lab.succeeds(where, `curl -sS --max-time 20 http://${host}:${port}/ > /dev/null`);
    };
    const pod = () => {
      const { namespace, name } = lab.podOn('node-1');
      return `${namespace}/${name}`;
    };
    // While an agent starts anew, its node may be unready, and its pods with it.
    const untilServed = async () => {
      for (const address of addresses)
        for (const where of [pod, () => 'node/node-1'])
          await until(`${where()} is answered by ${address}`, () => answers(where(), address));
      await until('node port at 127.0.0.1', () => answers('node/node-1', '127.0.0.1', 30080));
      await until('node port from outside', () => answers('fabric', '192.168.1.11', 30080));
      await until('host port from outside', () => answers('fabric', '192.168.1.11', 18080));
    };

    await t.test('in the place of our tables', async () => {
      await untilServed();
      await lab.reconfigureAgent('node-1', 'serviceMode: iptables');
      await until('the rules are there', () => /-j KUBE-SVC-/.test(rules(lab, 'node-1', 6)));
      await until('of the service too', () => /--comment "default\/web:http cluster IP"/.test(rules(lab, 'node-1')));
      await until('our tables are gone', () => !/flatnet-services/.test(serviceTables(lab, 'node-1')));
      await untilServed();
    });

    await t.test('which are those that `flatnet plan` prints, from what the API and the agent know', async () => {
      const itemsOf = async <Kind extends KubeObject>(resource: KubeResource<Kind>) => {
        const { group, version, kind } = resource;
        const { items } = await lab.client.list(resource);
        return items.map((item) => ({ ...item, apiVersion: group === '' ? version : `${group}/${version}`, kind }));
      };
      const known = async () => {
        const lists = [itemsOf(NODES), itemsOf(PODS), itemsOf(SERVICES), itemsOf(ENDPOINT_SLICES)];
        return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: (await Promise.all(lists)).flat() });
      };
      const config = path.join(lab.lab.user.directory, 'agent.yaml');
      writeFileSync(config, lab.sh('node/node-1', 'cat /etc/flatnet/agent.yaml'));
      for (const family of [4, 6] as const) {
        const asked = ['--node', 'node-1', '--as', 'iptables', '--family', `${family}`, '-f', '-', '--config', config];
        // what the API says may change meanwhile: its node may have been unready while the agent started anew
        await until(`they are the same for IPv${family}`, async () => {
          const { stdout } = lab.lab.user.run(['plan', ...asked], await known());
          const printed = withOwner(parseIptablesSave(stdout));
          return planRestore(parseIptablesSave(rules(lab, 'node-1', family)), printed) === undefined;
        });
      }
    });

    await t.test('with endpoints that come and go', async () => {
      const endpoints = () => rules(lab, 'node-1').match(/^-A KUBE-SEP-.* --to-destination \S+:8080$/gm)?.length ?? 0;
      // While the agent started anew, its node may have been unready, and its pods with it.
      await until('both are endpoints', () => endpoints() === 2);
      await lab.client.patch(DEPLOYMENTS, { namespace: 'default', name: 'web' }, { spec: { replicas: 1 } });
      await until('an endpoint less', () => endpoints() === 1);
      await lab.client.patch(DEPLOYMENTS, { namespace: 'default', name: 'web' }, { spec: { replicas: 2 } });
      await until('and one more', () => endpoints() === 2);
    });

    await t.test("repaired after somebody else's flush", async () => {
      lab.sh('node/node-1', 'iptables -t nat -F; iptables -t nat -X');
      await until('the rules are back', () => /-j KUBE-SVC-/.test(rules(lab, 'node-1')));
      await untilServed();
    });

    await t.test('and back', async () => {
      lab.sh('node/node-1', "sed -i 's/^serviceMode: .*/serviceMode: nft/' /etc/flatnet/agent.yaml");
      await lab.restartAgent('node-1');
      await until('our tables are there', () => /flatnet-services/.test(serviceTables(lab, 'node-1')));
      const both = () => rules(lab, 'node-1') + rules(lab, 'node-1', 6);
      await until('no rule of ours is left', () => !/KUBE-(SVC|SERVICES|SEP)|FLATNET/.test(both()));
      await untilServed();
    });

    await t.test("and leaves a kube-proxy's rules alone, and says so", async () => {
      lab.sh('node/node-2', 'iptables -t nat -N KUBE-SERVICES');
      lab.sh('node/node-2', "echo 'serviceMode: iptables' >> /etc/flatnet/agent.yaml");
      lab.killAgent('node-2');
      await until('the agent refuses', () => /KUBE-SERVICES of iptables is another proxy's/.test(lab.readyz('node-2')));
      lab.sh('node/node-2', 'iptables -t nat -X KUBE-SERVICES');
      await lab.untilReady('node-2');
      await until('the rules are there', () => /-j KUBE-SVC-/.test(rules(lab, 'node-2')));
    });

    await t.test('and limits the bandwidth that pods were given', () => {
      assert.match(lab.sh(pod(), 'tc qdisc show dev eth0'), /qdisc tbf 1: root .*rate 50Mbit/);
    });

    await t.test('leaves no rule behind that `flatnet cleanup` would not remove', async () => {
      const isOpen = () => lab.sh('node/node-2', 'cat /proc/sys/net/ipv4/conf/all/route_localnet') === '1\n';
      assert.ok(isOpen());
      lab.sh('node/node-2', 'mv /etc/flatnet/agent.yaml /etc/flatnet/gone.yaml');
      lab.killAgent('node-2');
      const cleanup = `${process.execPath} ${MAIN} cleanup --config /etc/flatnet/gone.yaml`;
      await until('the agent has ended', () => lab.succeeds('node/node-2', cleanup));
      assert.doesNotMatch(rules(lab, 'node-2') + rules(lab, 'node-2', 6), /KUBE-(SVC|SERVICES|SEP)|FLATNET/);
      assert.ok(!isOpen(), 'nothing guards loopback addresses any more');
    });
  });
});
