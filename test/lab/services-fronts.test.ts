import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SERVICES } from '../../src/kube/resource.ts';
import { ClusterLab, POD_ON_EACH_HOST } from './cluster-lab.ts';
import { until } from './lab-fixture.ts';
import { application, ServiceLab } from './service-lab.ts';

/** curl's exit code for who was silent until its time was up. */
const TIMED_OUT = 28;
/** Seconds after which what must not be answered is silent. */
const SILENCE = 2;
const FAMILIES = [0, 1] as const;
const EXTERNAL = ['198.51.100.7', '2001:db8:51::7'] as const;
/** The internet's, which leads to the cluster. */
const ROUTER = ['203.0.113.1', '2001:db8:113::1'] as const;
/** Borne by a host outside, as load balancers bear theirs. */
const BALANCER = ['198.51.100.8', '2001:db8:51::8'] as const;

const WEB = application('web', 1, { type: 'LoadBalancer', externalIPs: [...EXTERNAL] });

it('the ways into a service of a lab', async (t) => {
  const lab = new ServiceLab(await ClusterLab.start(t, {}, [POD_ON_EACH_HOST, ...WEB]));
  const { cluster } = lab;
  await cluster.untilVerified();
  const web = lab.podOf('web');
  const isNeighbour = ({ node }: { readonly node: string }) => node !== web.node;
  const other = cluster.now().pods.find((pod) => pod.name.startsWith('app-') && isNeighbour(pod)) ?? assert.fail();
  const client = `default/${other.name}`;

  /** Whom the pod sees when it is asked; `undefined` where somebody else answers, or nobody. */
  const seenFrom = (where: string, at: string): string | undefined => {
    const text = lab.page(where, at).stdout;
    const { pod, client: seen } = text.startsWith('{') ? JSON.parse(text) : {};
    return pod === web.name ? seen.address : undefined;
  };
  const answersItself = (at: string) => lab.page(client, at).stdout.startsWith(`This is ${at}, outside`);
  const balanceBy = async (ipMode: 'VIP' | 'Proxy') => {
    const loadBalancer = { ingress: BALANCER.map((ip) => ({ ip, ipMode })) };
    const service = await cluster.client.get(SERVICES, { namespace: 'default', name: 'web' });
    await cluster.client.updateStatus(SERVICES, { ...service, status: { loadBalancer } });
  };

  for (const family of FAMILIES) {
    cluster.sh('internet', `ip route add ${EXTERNAL[family]} via ${ROUTER[family]}`);
    cluster.sh('internet', `ip addr add ${BALANCER[family]} dev lo`);
    cluster.sh('fabric', `ip route add ${EXTERNAL[family]} via ${lab.nodeAddress(other.node, family)}`);
    cluster.sh('fabric', `ip route add ${BALANCER[family]} via ${cluster.status.internet[family]}`);
  }

  await t.test('are its external addresses, to those outside and inside', async () => {
    for (const family of FAMILIES) {
      const at = EXTERNAL[family];
      const entry = lab.nodeAddress(other.node, family);
      await until('an answer', () => seenFrom('internet', at) !== undefined);
      assert.equal(seenFrom('internet', at), entry, 'by a node without an endpoint it is masqueraded');
      assert.equal(seenFrom(client, at), other.addresses[family]);
      await until('the node asks itself', () => seenFrom(`node/${web.node}`, at) !== undefined);
      assert.equal(lab.echo(client, at), 'hello\n');
    }
  });

  await t.test('are addresses of a load balancer, unless that is asked itself', async () => {
    await balanceBy('VIP');
    for (const family of FAMILIES) {
      const at = BALANCER[family];
      await until('the way is short', () => seenFrom(client, at) !== undefined);
      assert.equal(seenFrom(client, at), other.addresses[family]);
      assert.equal(lab.echo(client, at), 'hello\n');
    }
    await balanceBy('Proxy');
    for (const at of BALANCER) await until('the load balancer answers itself', () => answersItself(at));
  });

  await t.test('are open to the sources that a load balancer lets in', async () => {
    const letIn = (...loadBalancerSourceRanges: readonly string[]) =>
      lab.patch('web', { spec: { loadBalancerSourceRanges } });
    await balanceBy('VIP');
    for (const at of BALANCER) await until('the way is short again', () => seenFrom(client, at) !== undefined);
    await letIn('192.0.2.0/24', '2001:db8:2::/64');
    for (const at of BALANCER) await until('it is silent', () => lab.ask(client, at, 80, SILENCE) === TIMED_OUT);
    for (const at of lab.addresses('web')) assert.ok(seenFrom(client, at), 'other ways stay open');
    for (const at of EXTERNAL) assert.ok(seenFrom('internet', at), 'other ways stay open');
    const ranges = other.addresses.map((address) => `${address}/${address.includes(':') ? 128 : 32}`);
    await letIn(...ranges);
    for (const family of FAMILIES)
      await until('it answers', () => seenFrom(client, BALANCER[family]) === other.addresses[family]);
  });

  await t.test('end on the node under an internal policy Local, for cluster addresses alone', async () => {
    await lab.patch('web', { spec: { internalTrafficPolicy: 'Local' } });
    const near = `default/${lab.podOf('app', web.node).name}`;
    for (const at of lab.addresses('web')) {
      await until('it is silent', () => lab.ask(client, at, 80, SILENCE) === TIMED_OUT);
      assert.ok(seenFrom(near, at));
      assert.ok(seenFrom(`node/${web.node}`, at));
    }
    for (const at of EXTERNAL) assert.ok(seenFrom(client, at));
  });

  await t.test('are closed with the service', async () => {
    await cluster.client.delete(SERVICES, { namespace: 'default', name: 'web' });
    for (const at of BALANCER) await until('the load balancer answers itself', () => answersItself(at));
  });
});
