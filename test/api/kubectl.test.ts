import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { type ApiServer, startApiServer } from '../../src/apiserver/api-server.ts';
import type { JsonObject } from '../../src/apiserver/json-value.ts';
import { createServerCredentials } from '../../src/apiserver/server-credentials.ts';
import { KUBECTLS, type KubectlResult, KubectlSession } from './kubectl.ts';
import { PROCESS_STREAMS } from './process-streams.ts';

const TOKEN = 'a token of this test alone';

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: 'nginx:1', ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
`;

const POD = `
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec:
  nodeName: n1
  containers: [{name: c, image: 'nginx:1'}, {name: d, image: 'nginx:1'}]
`;

for (const { version, file, missing } of KUBECTLS) {
  describe(`kubectl ${version}`, { skip: file === undefined ? missing : false }, () => {
    let server: ApiServer;
    let kubectl: KubectlSession;
    let authority: string;

    before(async () => {
      const tls = await createServerCredentials(['127.0.0.1']);
      authority = tls.caCertificate;
      const listen = [{ host: '127.0.0.1', port: 0 }];
      server = await startApiServer({ listen, token: TOKEN, tls, podStreams: PROCESS_STREAMS });
      kubectl = await KubectlSession.open(file ?? '', kubeconfig(server.urls[0] ?? '', tls.caCertificate, TOKEN));
    });

    after(async () => {
      await kubectl[Symbol.asyncDispose]();
      await server.close();
    });

    async function run(...options: string[]): Promise<string> {
      return succeeded(await kubectl.run(options), options);
    }

    async function runWith(input: string, ...options: string[]): Promise<string> {
      return succeeded(await kubectl.run(options, input), options);
    }

    /** What a kubelet does; kubectl 1.20 itself can't write a status. */
    function patchStatus(name: string, status: JsonObject): Promise<void> {
      return new Promise((resolve, reject) => {
        const url = `${server.urls[0]}/api/v1/namespaces/default/pods/${name}/status`;
        const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/merge-patch+json' };
        const outgoing = request(url, { method: 'PATCH', headers, ca: authority }, (response) => {
          response.resume();
          response.on('end', () =>
            response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`)),
          );
        });
        outgoing.on('error', reject);
        outgoing.end(JSON.stringify({ status }));
      });
    }

    test('tells what the server is and has', async () => {
      assert.match(await run('version'), /v1\.32\.0\+flatnet/);
      const resources = await run('api-resources');
      for (const line of [/^pods +po +v1 +true +Pod$/m, /^networkpolicies +netpol +networking.k8s.io\/v1 +true/m]) {
        assert.match(resources, line);
      }
      assert.match(await run('api-versions'), /^apps\/v1$/m);
      assert.match(await run('cluster-info'), /is running at/);
      assert.match(await run('explain', 'pod.spec.containers.ports'), /containerPort\s+<integer> -required-/);
    });

    test('applies, changes and deletes a deployment and its service', async () => {
      assert.match(await runWith(WEB, 'apply', '-f', '-'), /deployment.apps\/web created\nservice\/web created/);
      assert.match(await runWith(WEB, 'apply', '-f', '-'), /deployment.apps\/web unchanged\nservice\/web unchanged/);
      const changed = WEB.replace('nginx:1', 'nginx:2');
      assert.equal((await kubectl.run(['diff', '-f', '-'], changed)).code, 1);
      assert.match(await runWith(changed, 'apply', '-f', '-', '--dry-run=server'), /configured \(server dry run\)/);
      assert.match(await runWith(changed, 'apply', '-f', '-'), /deployment.apps\/web configured/);
      assert.match(await run('scale', 'deploy/web', '--replicas=5'), /scaled/);
      assert.match(await run('get', 'deploy', 'web', '-o', 'wide'), /web +0\/5 +0 +0 +\S+ +c +nginx:2 +app=web/);
      await run('rollout', 'restart', 'deploy/web');
      await run('set', 'image', 'deploy/web', 'c=nginx:3');
      await run(
        'patch',
        'deploy',
        'web',
        '-p',
        '{"spec":{"template":{"spec":{"containers":[{"name":"c","tty":true}]}}}}',
      );
      await run('patch', 'deploy', 'web', '--type=json', '-p', '[{"op":"replace","path":"/spec/replicas","value":1}]');
      await run('patch', 'deploy', 'web', '--type=merge', '-p', '{"spec":{"paused":true}}');
      const edited = await kubectl.run(['edit', 'deploy', 'web'], '', { KUBE_EDITOR: 'sed -i s/nginx:3/nginx:4/' });
      assert.match(edited.stdout, /edited/);
      const deployment = JSON.parse(await run('get', 'deploy', 'web', '-o', 'json'));
      assert.equal(deployment.spec.replicas, 1);
      assert.equal(deployment.spec.paused, true);
      assert.equal(deployment.spec.template.spec.containers[0].image, 'nginx:4');
      assert.equal(deployment.spec.template.spec.containers[0].tty, true);
      assert.match(await run('get', 'svc', 'web'), /NodePort +10\.\d+\.\d+\.\d+ +<none> +80:3\d{4}\/TCP/);
      assert.match(await run('describe', 'deploy', 'web'), /StrategyType: +RollingUpdate/);
      assert.match(await run('describe', 'svc', 'web'), /NodePort: +<unset> +3\d{4}\/TCP/);
      assert.match(await runWith(WEB, 'delete', '-f', '-'), /deployment.apps "web" deleted/);
      assert.match((await kubectl.run(['get', 'deploy', 'web'])).stderr, /NotFound.*deployments.apps "web" not found/);
    });

    test('applies on the server, and names who owns what', async () => {
      await runWith(WEB, 'apply', '--server-side', '-f', '-');
      await run('scale', 'deploy/web', '--replicas=4');
      const refused = await kubectl.run(['apply', '--server-side', '-f', '-'], WEB);
      assert.match(refused.stderr, /conflict with "(kubectl|kubectl-scale)".*\.spec\.replicas/s);
      await runWith(WEB, 'apply', '--server-side', '--force-conflicts', '-f', '-');
      assert.equal(await run('get', 'deploy', 'web', '-o', 'jsonpath={.spec.replicas}'), '2');
      await runWith(WEB, 'delete', '-f', '-');
    });

    test('creates without a manifest, in whatever encoding it prefers', async () => {
      await run('create', 'namespace', 'demo');
      await run('create', 'deployment', 'd', '--image=nginx', '-n', 'demo');
      await run('create', 'configmap', 'c', '--from-literal=a=b', '-n', 'demo');
      await run('create', 'secret', 'generic', 's', '--from-literal=password=x', '-n', 'demo');
      await run('create', 'service', 'clusterip', 'v', '--tcp=80:8080', '-n', 'demo');
      await run('create', 'serviceaccount', 'a', '-n', 'demo');
      await run('expose', 'deployment', 'd', '--port=80', '-n', 'demo');
      assert.equal(await run('get', 'cm', 'c', '-n', 'demo', '-o', 'jsonpath={.data.a}'), 'b');
      assert.equal(await run('get', 'secret', 's', '-n', 'demo', '-o', 'jsonpath={.data.password}'), 'eA==');
      assert.equal(await run('get', 'svc', 'v', '-n', 'demo', '-o', 'jsonpath={.spec.ports[0].targetPort}'), '8080');
      await run('delete', 'namespace', 'demo');
      assert.match((await kubectl.run(['get', 'ns', 'demo'])).stderr, /NotFound/);
    });

    test('says what is wrong with a manifest', async () => {
      const unknown = await kubectl.run(['apply', '-f', '-'], WEB.replace('replicas', 'replica'));
      assert.match(unknown.stderr, /unknown field.*replica/);
      const invalid = await kubectl.run(['apply', '-f', '-'], POD.replace('name: d', 'name: c'));
      assert.match(invalid.stderr, /The Pod "p" is invalid: spec.containers\[1\].name: Duplicate value: "c"/);
      const named = await kubectl.run(['create', 'namespace', 'No']);
      assert.match(named.stderr, /The Namespace "No" is invalid: metadata.name: Invalid value/);
    });

    test('selects, labels, annotates and waits', async () => {
      await runWith(POD, 'create', '-f', '-');
      await run('label', 'pod', 'p', 'tier=front');
      await run('annotate', 'pod', 'p', 'note=x');
      assert.match(await run('get', 'pods', '-l', 'tier in (front),!gone', '--show-labels'), /app=p,tier=front/);
      assert.match(await run('get', 'pods', '--field-selector', 'spec.nodeName=n1,status.phase!=Failed'), /^p /m);
      const none = await kubectl.run(['get', 'pods', '--field-selector', 'spec.nodeName=n2']);
      assert.match(none.stderr, /No resources found/);
      assert.match(await run('get', 'all', '-A'), /service\/kubernetes/);
      assert.match(await run('get', 'pod', 'p', '-o', 'yaml'), /^ {4}terminationMessagePath: \/dev\/termination-log$/m);
      assert.match(await run('describe', 'pod', 'p'), /Node: +n1/);
      const watch = kubectl.start(['get', 'pods', '-w', '--no-headers']);
      const lines = createInterface({ input: watch.stdout ?? process.stdin })[Symbol.asyncIterator]();
      assert.match((await lines.next()).value ?? '', /^p +0\/2 +Pending/);
      // it says what it asks of the server: to wait for what has gone already is an error of older ones
      const waiting = kubectl.start(['wait', 'pod/p', '--for=delete', '--timeout=120s', '-v=6'], 'pipe');
      const ended = once(waiting, 'exit');
      for await (const line of createInterface({ input: waiting.stderr ?? process.stdin }))
        if (/watch=true/.test(line)) break;
      waiting.stderr?.resume();
      await run('delete', 'pod', 'p', '--wait=false');
      assert.match((await lines.next()).value ?? '', /^p +0\/2 +Terminating/);
      await run('delete', 'pod', 'p', '--grace-period=0', '--force');
      assert.deepEqual(await ended, [0, null]);
      watch.kill();
    });

    test('reads logs and runs commands', async () => {
      await runWith(POD, 'create', '-f', '-');
      assert.equal(await run('logs', 'p', '-c', 'd'), 'hello from p\ncontainer d\nthe end\n');
      assert.equal(await run('logs', 'p', '-c', 'd', '--tail=1'), 'the end\n');
      assert.equal(await run('exec', 'p', '-c', 'c', '--', 'echo', 'hello'), 'hello\n');
      const failed = await kubectl.run(['exec', 'p', '-c', 'c', '--', 'sh', '-c', 'echo no >&2; exit 7']);
      assert.deepEqual([failed.code, failed.stderr.split('\n')[0]], [7, 'no']);
      const input = 'x'.repeat(1_000_000);
      const echoed = await kubectl.run(['exec', '-i', 'p', '-c', 'c', '--', 'cat'], input);
      assert.equal(echoed.stdout === input, true, `${echoed.stdout.length} characters came back`);
      const nowhere = await kubectl.run(['exec', 'p', '-c', 'x', '--', 'true']);
      assert.match(nowhere.stderr, /container x is not valid for pod p/);
    });

    test('forwards ports', async (context) => {
      await patchStatus('p', { phase: 'Running' });
      const web = createServer((_request, response) => response.end('from the pod'));
      web.listen(0, '127.0.0.1');
      await once(web, 'listening');
      context.after(() => web.close());
      const address = web.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const forward = kubectl.start(['port-forward', 'pod/p', `:${port}`]);
      context.after(() => forward.kill());
      const [line]: string[] = await once(createInterface({ input: forward.stdout ?? process.stdin }), 'line');
      const local = /127\.0\.0\.1:(\d+)/.exec(line ?? '')?.[1];
      for (let times = 0; times < 3; times++) {
        const response = await fetch(`http://127.0.0.1:${local}/`, { headers: { connection: 'close' } });
        assert.equal(await response.text(), 'from the pod');
      }
    });
  });
}

function succeeded(result: KubectlResult, options: readonly string[]): string {
  assert.equal(result.code, 0, `kubectl ${options.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

function kubeconfig(url: string, caCertificate: string, token: string): string {
  const authority = Buffer.from(caCertificate).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': authority } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}
