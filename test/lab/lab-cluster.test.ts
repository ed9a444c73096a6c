import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { EndpointSlice } from '../../src/kube/objects/endpoint-slice.ts';
import type { Service } from '../../src/kube/objects/service.ts';
import type { LabStatus } from '../../src/lab/lab-status.ts';
import { LabUser, ordinaryUserMissing, type StartedLab, until } from './lab-fixture.ts';

const kubectlMissing =
  spawnSync('kubectl', ['version', '--client']).error === undefined ? false : 'kubectl is not installed';

function statusOf(lab: StartedLab): LabStatus {
  return JSON.parse(lab.user.run(['lab', 'status', '--name', lab.name, '-o', 'json']).stdout) as LabStatus;
}

async function startReady(user: LabUser, ...args: readonly string[]): Promise<[StartedLab, LabStatus]> {
  const lab = await user.startLab(args);
  await lab.ready();
  assert.doesNotMatch(lab.output, /warning/);
  return [lab, statusOf(lab)];
}

for (const { who, ordinary, skip } of [
  { who: 'whoever runs the tests', ordinary: false, skip: false },
  { who: 'an ordinary user', ordinary: true, skip: ordinaryUserMissing() ?? false },
] as const)
  describe(`the default lab of ${who}`, { skip }, () => {
    it('has pods on every host, which answer each other and are masqueraded outside', async (t) => {
      const [lab, { pods, hosts }] = await startReady(new LabUser(t, ordinary));
      for (const { name } of hosts) assert.ok(pods.filter(({ node }) => node === name).length >= 2, name);
      const from = pods.find(({ node }) => node === 'node-1');
      const to = pods.find(({ node }) => node === 'node-3');
      assert.ok(from !== undefined && to !== undefined);
      // who has just come is followed by each node in its time
      const untilAnswered = (url: string, answer: RegExp) =>
        until(`${url} answers ${answer}`, () =>
          answer.test(lab.exec(`default/${from.name}`, 'curl', '-sS', '--max-time', '10', url).stdout),
        );
      const [four, six] = [`${to.addresses[0]}:${to.ports[0]}`, `[${to.addresses[1]}]:${to.ports[0]}`];
      await untilAnswered(`http://${four}/`, new RegExp(`client: +${from.addresses[0]}:`));
      await untilAnswered(`http://${six}/`, new RegExp(`client: +\\[${from.addresses[1]}\\]:`));
      await untilAnswered('http://203.0.113.10/', /You are 192\.168\.1\.11\./);
      await untilAnswered('http://[2001:db8:113::10]/', /You are fd00:192:168:1::11\./);
      await untilAnswered('http://db-1.db:5432/', /pod: +default\/db-1/);
      // What it prints to try: a service from a pod, and from outside.
      for (const what of ['ask the service default/web', 'ask default/web from outside']) {
        const step =
          lab.output.split('\n').find((line) => line.includes(what)) ?? assert.fail(`${what}: ${lab.output}`);
        const [command = ''] = step.trim().split(/ +#/);
        const [program, ...words] = command.split(' ');
        assert.equal(program, 'flatnet');
        await until(`it answers ${command}`, () => /pod: +default\/web-/.test(lab.user.run(words).stdout));
      }
    });
  });

describe('a lab', () => {
  it('is reached from this machine: the API by kubectl, a pod by its published port', {
    skip: kubectlMissing,
  }, async (t) => {
    const [, { api, pods, publications }] = await startReady(new LabUser(t), '--publish', 'pod/default/db-0:5432');
    const kubectl = spawnSync('kubectl', ['--kubeconfig', api?.kubeconfig ?? '', 'get', 'nodes', '-o', 'name'], {
      encoding: 'utf8',
    });
    assert.equal(kubectl.stdout, 'node/node-1\nnode/node-2\nnode/node-3\n', kubectl.stderr);
    const get = (what: string) => {
      const asked = ['--kubeconfig', api?.kubeconfig ?? '', 'get', what, '-o', 'json'];
      const { stdout, stderr } = spawnSync('kubectl', asked, { encoding: 'utf8' });
      return JSON.parse(stdout === '' ? assert.fail(stderr) : stdout).items;
    };
    const services = (get('services') as readonly Service[]).map(({ metadata }) => metadata.name);
    assert.deepEqual(services.sort(), ['db', 'echo', 'kubernetes', 'web']);
    const endpointsOf = (name: string) =>
      (get('endpointslices') as readonly EndpointSlice[])
        .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
        .flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses));
    for (const name of ['db', 'echo', 'web']) {
      const own = pods.filter((pod) => pod.name.startsWith(`${name}-`)).flatMap(({ addresses }) => addresses);
      // slices follow the pods some at a time
      await until(`all pods are endpoints of ${name}`, () => endpointsOf(name).sort().join() === own.sort().join());
    }
    const answer = await (await fetch(publications[0]?.url ?? '')).text();
    assert.match(answer, /pod: +default\/db-0/);
  });

  it('runs the manifests of its file', async (t) => {
    const user = new LabUser(t);
    const file = path.join(user.directory, 'own.yaml');
    const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: own}\nspec: {containers: [{name: a, image: a}]}\n';
    writeFileSync(
      file,
      `${pod}---\napiVersion: flatnet.io/v1\nkind: Lab\nspec: {families: [4], hosts: [{name: only}]}\n`,
    );
    const [, { hosts, pods }] = await startReady(user, '-f', file);
    assert.deepEqual(
      hosts.map(({ name, addresses }) => [name, ...addresses]),
      [['only', '192.168.1.11']],
    );
    assert.deepEqual(
      pods.map(({ namespace, name, node, ready }) => [namespace, name, node, ready]),
      [['default', 'own', 'only', true]],
    );
  });

  it('ends where the API refuses a manifest, and says why', async (t) => {
    const user = new LabUser(t);
    const file = path.join(user.directory, 'wrong.yaml');
    writeFileSync(
      file,
      'apiVersion: v1\nkind: Pod\nmetadata: {name: Upper}\nspec: {containers: [{name: a, image: a}]}\n',
    );
    const { status, stderr } = user.run(['lab', 'up', '-f', file, '--hosts', '1']);
    assert.equal(status, 1);
    assert.match(stderr, /Upper/);
    assert.deepEqual(user.leftovers, []);
  });

  it('has its fabric lead to the pods where the backend is cloud', async (t) => {
    const [lab, { hosts }] = await startReady(new LabUser(t), '--backend', 'cloud', '--hosts', '2');
    const routes = () => lab.exec('fabric', 'sh', '-c', 'ip route; ip -6 route').stdout;
    for (const { podPrefixes, addresses } of hosts)
      for (const [index, prefix] of podPrefixes.entries()) {
        const route = `${prefix} via ${addresses[index]} `;
        await until(`the fabric has ${route}`, () => routes().includes(route));
      }
    assert.equal(lab.user.run(['verify']).status, 0);
  });
});
