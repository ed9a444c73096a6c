import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { before, describe, it } from 'node:test';
import { createServerCredentials, type ServerCredentials } from '../../src/apiserver/server-credentials.ts';
import type { TerminalSize } from '../../src/apiserver/streams/pod-streams.ts';
import { KUBECTLS, KubectlSession } from '../api/kubectl.ts';
import { until } from './lab-fixture.ts';
import { cannotRun, RuntimeSite, TOKEN } from './runtime-site.ts';

const SCRIPT = 'echo started; echo trouble >&2; trap "exit 0" TERM; while :; do sleep 0.1; done';

function kubeconfig(server: string, authority: string): string {
  const cluster = { server, 'certificate-authority-data': Buffer.from(authority).toString('base64') };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user: { token: TOKEN } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}

async function get(port: number): Promise<string> {
  const request = http.get({ host: '127.0.0.1', port, path: '/' });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return await text(response);
}

describe('the ways into pods', { skip: cannotRun }, () => {
  let tls: ServerCredentials;
  before(async () => {
    tls = await createServerCredentials(['127.0.0.1']);
  });

  for (const { version, file, missing } of KUBECTLS)
    it(`serve kubectl ${version}`, { skip: file === undefined ? missing : cannotRun }, async (t) => {
      const site = await RuntimeSite.create(t, { tls });
      await site.createPod('main', { containers: [{ name: 'main', image: 'shell', command: ['sh', '-c', SCRIPT] }] });
      await site.createPod('web', { containers: [{ name: 'web', image: 'web', ports: [{ containerPort: 8080 }] }] });
      await site.untilReady('main');
      await until('it has written', async () => (await site.logs('main', 'main')).split('\n').length > 2);
      const web = await site.untilReady('web');
      await using kubectl = await KubectlSession.open(file ?? '', kubeconfig(site.url, tls.caCertificate));

      const logs = await kubectl.run(['logs', 'main']);
      assert.deepEqual(logs.stdout.trim().split('\n').sort(), ['started', 'trouble'], logs.stderr);
      const last = await kubectl.run(['logs', 'main', '--timestamps', '--tail=1']);
      assert.match(last.stdout, /^20\d\d-\d\d-\d\dT\S+Z (started|trouble)\n$/);

      const failing = await kubectl.run(['exec', 'main', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
      assert.deepEqual([failing.code, failing.stdout], [7, 'out\n']);
      assert.match(failing.stderr, /^err\n/);
      const input = await kubectl.run(['exec', '-i', 'main', '--', 'cat'], 'x'.repeat(100_000));
      assert.equal(input.stdout.length, 100_000, input.stderr);
      const standIn = await kubectl.run(['exec', 'web', '--', 'hostname']);
      assert.equal(standIn.stdout, 'web\n', standIn.stderr);
      const unknown = await kubectl.run(['exec', 'main', '--', 'no-such-program']);
      assert.notEqual(unknown.code, 0);
      assert.match(unknown.stderr, /executable file not found in \$PATH/);

      const forward = kubectl.start(['port-forward', 'pod/web', ':8080']);
      try {
        assert.ok(forward.stdout);
        const [line] = (await once(forward.stdout, 'data')) as [Buffer];
        const port = Number(/127\.0\.0\.1:(\d+) -> 8080/.exec(line.toString())?.[1]);
        assert.match(await get(port), /^pod: {5}default\/web$/m);
        assert.match(await get(port), new RegExp(`^node: {4}${web.spec.nodeName}$`, 'm'));
      } finally {
        forward.kill('SIGKILL');
        await once(forward, 'exit');
      }

      const described = await kubectl.run(['describe', 'pod', 'web']);
      assert.match(described.stdout, /StandIn .*Image "web" is not pulled: Flatnet's built-in server stands in for it/);
    });

  it('give a terminal of the size that the client has', async (t) => {
    const site = await RuntimeSite.create(t);
    await site.createPod('main', { containers: [{ name: 'main', image: 'shell', command: ['sh', '-c', SCRIPT] }] });
    const pod = await site.untilReady('main');
    const [stdin, stdout] = [new PassThrough(), new PassThrough()];
    let resize: ((size: TerminalSize) => void) | undefined;
    const reference = { namespace: 'default', pod: 'main', uid: pod.metadata.uid, node: 'node-1', container: 'main' };
    const script = 'tty -s && echo is a terminal; read -r line; echo "got $line"; stty size; exit 5';
    const status = site.runtime.streams.exec(reference, ['sh', '-c', script], {
      stdin,
      stdout,
      stderr: undefined,
      tty: true,
      onResize: (listener) => {
        resize = listener;
      },
      signal: new AbortController().signal,
    });
    resize?.({ width: 111, height: 33 });
    stdin.write('hello\r');
    assert.equal(await status, 5);
    stdout.end();
    const lines = (await text(stdout)).split('\r\n');
    assert.deepEqual(
      lines.filter((line) => line !== 'hello' && line !== ''),
      ['is a terminal', 'got hello', '33 111'],
    );
  });
});
