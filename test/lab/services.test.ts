import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SERVICES } from '../../src/kube/resource.ts';
import { until } from './lab-fixture.ts';
import { type Answer, application, start } from './service-lab.ts';

/** curl's exit codes: refused, and silent until its time was up. */
const REFUSED = 7;
const TIMED_OUT = 28;
/** Seconds after which what must not be answered is silent. */
const SILENCE = 2;
/** How often in a row one of three pods answers by affinity alone: by chance once in 10^14. */
const IN_A_ROW = 30;
const FAMILIES = [0, 1] as const;

function answered(answer: Answer | number): Answer {
  assert.ok(typeof answer !== 'number', `curl ended with ${String(answer)}`);
  return answer;
}

for (const wiring of ['point-to-point', 'bridge'] as const)
  describe(`services of a lab wired ${wiring}`, () => {
    it('answer pods and nodes of every host, over TCP and UDP in both families, which they see as they are', async (t) => {
      const lab = await start(t, wiring, application('web', 3));
      for (const node of ['node-1', 'node-2', 'node-3']) {
        const client = lab.podOf('app', node);
        for (const family of FAMILIES) {
          const at = lab.addresses('web')[family] ?? '';
          assert.equal((await lab.untilAnswered(`default/${client.name}`, at)).client, client.addresses[family]);
          assert.match(answered(lab.ask(`node/${node}`, at)).pod, /^web-/);
          assert.equal(lab.echo(`default/${client.name}`, at), 'hello\n');
          assert.equal(lab.echo(`node/${node}`, at), 'hello\n');
        }
      }
    });

    it('lead their only endpoint to itself', async (t) => {
      const lab = await start(t, wiring, application('web', 1));
      const { name, node } = lab.podOf('web');
      for (const family of FAMILIES) {
        const at = lab.addresses('web')[family] ?? '';
        const { pod, client } = await lab.untilAnswered(`default/${name}`, at);
        assert.deepEqual([pod, client], [name, lab.nodeAddress(node, family)]);
        assert.equal(lab.echo(`default/${name}`, at), 'hello\n');
      }
    });
  });

describe('services of a lab', () => {
  it('are reached at node ports from outside, from other nodes, and at 127.0.0.1', async (t) => {
    const lab = await start(t, 'point-to-point', application('web', 1, { type: 'NodePort' }));
    const port = lab.nodePort('web');
    const { node } = lab.podOf('web');
    for (const family of FAMILIES)
      for (const entry of ['node-1', 'node-2', 'node-3']) {
        const at = lab.nodeAddress(entry, family);
        const { client } = await lab.untilAnswered('internet', at, port);
        const outside = lab.cluster.status.internet[family];
        assert.equal(client, entry === node ? outside : at, 'masqueraded only where the endpoint is elsewhere');
        const from = lab.podOf('app', 'node-2');
        assert.equal((await lab.untilAnswered(`default/${from.name}`, at, port)).client, from.addresses[family]);
        assert.match((await lab.untilAnswered('node/node-1', at, port)).pod, /^web-/);
      }
    assert.match((await lab.untilAnswered('node/node-1', '127.0.0.1', port)).pod, /^web-/);
    assert.equal(lab.ask('internet', lab.nodeAddress('node-1', 0), port === 32767 ? 30000 : port + 1), REFUSED);
  });

  it('keep who comes from outside under a local policy, and tell load balancers where to go', async (t) => {
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } as const;
    const lab = await start(t, 'point-to-point', application('web', 1, spec));
    const port = lab.nodePort('web');
    const { node } = lab.podOf('web');
    const elsewhere = node === 'node-1' ? 'node-2' : 'node-1';
    for (const family of FAMILIES) {
      const at = lab.nodeAddress(node, family);
      assert.equal((await lab.untilAnswered('internet', at, port)).client, lab.cluster.status.internet[family]);
      const silent = () => lab.ask('internet', lab.nodeAddress(elsewhere, family), port, SILENCE) === TIMED_OUT;
      await until('the node without endpoints is silent', silent);
    }
    const { spec: made } = await lab.cluster.client.get(SERVICES, { namespace: 'default', name: 'web' });
    const health = (name: string) => {
      const url = `http://${lab.nodeAddress(name, 0)}:${made?.healthCheckNodePort}/`;
      return lab.cluster.lab.exec('internet', 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', url).stdout;
    };
    await until('the node is fit', () => health(node) === '200');
    await until('the other one is not', () => health(elsewhere) === '503');
  });

  it('refuse who asks for one without endpoints, or for an address that is nobody’s', async (t) => {
    const lab = await start(t, 'point-to-point', application('web', 1));
    const client = `default/${lab.podOf('app', 'node-1').name}`;
    const [four = '', six = ''] = lab.addresses('web');
    await lab.untilAnswered(client, four);
    await lab.scale('web', 0);
    for (const at of [four, six, '10.96.200.200', 'fd00:10:96::9999'])
      for (const where of [client, 'node/node-1']) await until('it is refused', () => lab.ask(where, at) === REFUSED);
    await lab.scale('web', 1);
    for (const at of [four, six]) await lab.untilAnswered(client, at);
    assert.equal(lab.echo(client, four), 'hello\n');
  });

  it('lead clients with affinity to one pod, others to all', async (t) => {
    const lab = await start(t, 'point-to-point', application('web', 3));
    const client = `default/${lab.podOf('app', 'node-1').name}`;
    const [at = ''] = lab.addresses('web');
    const seen = new Set<string>();
    await until('all have answered', () => {
      const answer = lab.ask(client, at);
      if (typeof answer !== 'number') seen.add(answer.pod);
      return seen.size === 3;
    });
    await lab.patch('web', { spec: { sessionAffinity: 'ClientIP' } });
    const answerers = () => new Set(lab.askOften(client, at, IN_A_ROW).map(({ pod }) => pod));
    let first = answerers();
    await until('the agents have it', () => {
      first = answerers();
      return first.size === 1;
    });
    assert.deepEqual(answerers(), first);
  });

  it('open the host ports of pods', async (t) => {
    const lab = await start(t, 'point-to-point', application('web', 1, { containerPort: { hostPort: 8088 } }));
    const { name, node } = lab.podOf('web');
    for (const family of FAMILIES) {
      const at = lab.nodeAddress(node, family);
      assert.equal((await lab.untilAnswered('internet', at, 8088)).client, lab.cluster.status.internet[family]);
      assert.equal((await lab.untilAnswered(`default/${name}`, at, 8088)).pod, name);
    }
    assert.equal((await lab.untilAnswered(`node/${node}`, '127.0.0.1', 8088)).pod, name);
    await lab.scale('web', 0);
    await until('the port is closed', () => lab.ask('internet', lab.nodeAddress(node, 0), 8088) === REFUSED);
  });

  it('go on without their agent, and change with its successor', async (t) => {
    const lab = await start(t, 'point-to-point', application('web', 2));
    const client = `default/${lab.podOf('app', 'node-1').name}`;
    const [at = ''] = lab.addresses('web');
    const pods = lab.cluster.now().pods.filter(({ name }) => name.startsWith('web-'));
    const list = (what: string) =>
      lab.cluster
        .sh('node/node-1', `nft list ${what}`)
        .replace(/# progname.*/g, '')
        .replace(/expires \S+/g, '');
    const areEndpoints = () => {
      const services = list('table ip flatnet-services') + list('table ip6 flatnet-services');
      return pods.flatMap((pod) => pod.addresses).every((one) => services.includes(one));
    };
    await until('a successor finds nothing to change', async () => {
      await until('all pods are endpoints', areEndpoints);
      const before = list('ruleset');
      lab.cluster.killAgent('node-1');
      assert.match(answered(lab.ask(client, at)).pod, /^web-/);
      await lab.cluster.untilReady('node-1');
      // the endpoints of a node that is found unready meanwhile go and come: then once more
      return list('ruleset') === before;
    });
    await lab.scale('web', 0);
    await until('it is refused', () => lab.ask(client, at) === REFUSED);
  });
});
