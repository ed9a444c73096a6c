import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import type { CniReply } from './cni-request.ts';
import { CniServer } from './cni-server.ts';
import { CniService } from './cni-service.ts';
import { configurationOf, environmentOf, ServiceFixture } from './service-fixture.ts';
import { installLoopback, installShim, type ShimOptions } from './shim-installation.ts';
import { formatShimRequest, LARGEST_REQUEST, parseShimReply, type ShimRequest } from './shim-protocol.ts';
import { CNI_VERSIONS } from './version.ts';

const cacheDirectory = path.join(tmpdir(), 'flatnet-shim-cache');

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-server-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function echo(request: ShimRequest): Promise<CniReply> {
  return { exit: request.stdin === 'fail' ? 1 : 0, stdout: JSON.stringify(request) };
}

async function ask(socket: string, request: Uint8Array): Promise<CniReply | undefined> {
  const connection = connect({ path: socket, allowHalfOpen: true });
  connection.end(request);
  return parseShimReply(await buffer(connection));
}

const request: ShimRequest = { plugin: 'flatnet', environment: { CNI_COMMAND: 'ADD' }, stdin: '{}' };

describe('CniServer', () => {
  it('is for root only', async (t) => {
    const socket = path.join(makeDirectory(t), 'run/cni.sock');
    await using _server = await CniServer.listen({ socket, handle: echo });
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    assert.equal(statSync(path.dirname(socket)).mode & 0o777, 0o700);
  });

  it('answers what was asked, many at once', async (t) => {
    const socket = path.join(makeDirectory(t), 'cni.sock');
    await using _server = await CniServer.listen({ socket, handle: echo });
    const requests = Array.from({ length: 60 }, (_, number) => ({ ...request, stdin: 'x'.repeat(number * 1000) }));
    const replies = await Promise.all(requests.map((asked) => ask(socket, formatShimRequest(asked))));
    assert.deepEqual(
      replies,
      requests.map((asked) => ({ exit: 0, stdout: JSON.stringify(asked) })),
    );
  });

  it('refuses what is too large, cut off, of another version, or does not come', async (t) => {
    const socket = path.join(makeDirectory(t), 'cni.sock');
    await using _server = await CniServer.listen({ socket, handle: echo });
    const large = formatShimRequest({ ...request, stdin: 'x'.repeat(LARGEST_REQUEST) });
    const whole = formatShimRequest(request);
    for (const [bytes, pattern] of [
      [large, /larger than/],
      [whole.subarray(0, 12), /cut off/],
      [Uint8Array.of(9, 0, 0), /version 9/],
    ] as const) {
      const reply = await ask(socket, bytes);
      assert.equal(reply?.exit, 1);
      assert.match(reply.stdout, pattern);
    }
    const hasty = path.join(path.dirname(socket), 'hasty.sock');
    await using _hasty = await CniServer.listen({ socket: hasty, handle: echo, requestTimeout: 20 });
    const silent = connect({ path: hasty, allowHalfOpen: true });
    assert.match(parseShimReply(await buffer(silent))?.stdout ?? '', /did not come within 20 ms/);
    silent.destroy();
  });

  it('answers what has arrived before it closes, and leaves no socket', async (t) => {
    const socket = path.join(makeDirectory(t), 'cni.sock');
    const controller = new AbortController();
    const gate = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const handle = async (asked: ShimRequest) => {
      arrived.resolve();
      await gate.promise;
      return await echo(asked);
    };
    const server = await CniServer.listen({ socket, handle, signal: controller.signal });
    const reply = ask(socket, formatShimRequest(request));
    await arrived.promise;
    controller.abort();
    assert.equal(existsSync(socket), false);
    gate.resolve();
    assert.equal((await reply)?.exit, 0);
    await server.close();
  });

  it("takes over a socket, and the former owner's end leaves it alone", async (t) => {
    const socket = path.join(makeDirectory(t), 'cni.sock');
    const old = await CniServer.listen({ socket, handle: async () => ({ exit: 0, stdout: 'old' }) });
    await using _young = await CniServer.listen({ socket, handle: async () => ({ exit: 0, stdout: 'young' }) });
    await old.close();
    assert.equal((await ask(socket, formatShimRequest(request)))?.stdout, 'young');
  });
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
}

async function runShim(file: string, env: Readonly<Record<string, string>>, stdin: string): Promise<Ended> {
  const child = spawn(file, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const status = new Promise<number | null>((resolve, reject) => child.once('exit', resolve).once('error', reject));
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  return { stdout: await text(child.stdout), status: await status };
}

const shims: readonly (readonly [string, Partial<ShimOptions>])[] = [
  ['compiled', {}],
  ['script', { compilers: [] }],
];

for (const [kind, shimOptions] of shims)
  describe(`the shim, ${kind}`, async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-shim-'));
    const socket = path.join(directory, 'cni.sock');
    const shim = await installShim({ directory, cacheDirectory, socket, wait: 0, ...shimOptions });
    const skip = shim.kind === kind ? false : `no C compiler makes the ${kind} shim here`;
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

    it('hands on its CNI_ variables and stdin, and gives back status and output', { skip }, async () => {
      await using _server = await CniServer.listen({ socket, handle: echo });
      const environment = { CNI_COMMAND: 'ADD', CNI_ARGS: 'A=ü;B=' };
      const stdin = `{"long": "${'é'.repeat(200_000)}"}`;
      const ended = await runShim(shim.file, { ...environment, HOME: '/' }, stdin);
      assert.deepEqual(
        { ...ended, stdout: JSON.parse(ended.stdout) },
        {
          status: 0,
          stdout: { plugin: 'flatnet', environment, stdin },
        },
      );
      assert.equal((await runShim(shim.file, environment, 'fail')).status, 1);
    });

    it('tells under which name it was started', { skip }, async () => {
      await using _server = await CniServer.listen({ socket, handle: echo });
      assert.equal(installLoopback(directory), true);
      const { stdout } = await runShim(path.join(directory, 'loopback'), { CNI_COMMAND: 'ADD' }, '{}');
      assert.equal(JSON.parse(stdout).plugin, 'loopback');
    });

    it('says try again later with the agent away, not available to STATUS, and its versions', { skip }, async () => {
      for (const [command, code] of [
        ['ADD', 11],
        ['DEL', 11],
        ['STATUS', 50],
      ] as const) {
        const { status, stdout } = await runShim(shim.file, { CNI_COMMAND: command }, '{}');
        assert.equal(status, 1);
        const error = JSON.parse(stdout);
        assert.equal(error.code, code);
        assert.ok(error.msg.includes(socket));
      }
      const { status, stdout } = await runShim(shim.file, { CNI_COMMAND: 'VERSION' }, '{"cniVersion":"1.0.0"}');
      assert.equal(status, 0);
      assert.deepEqual(JSON.parse(stdout).supportedVersions, CNI_VERSIONS);
    });

    it('says try again later where the agent dies before it answers', { skip }, async () => {
      const dying = createServer((connection) => connection.destroy()).listen(socket);
      const { status, stdout } = await runShim(shim.file, { CNI_COMMAND: 'ADD' }, '{}');
      dying.close();
      assert.equal(status, 1);
      assert.equal(JSON.parse(stdout).code, 11);
    });

    it('waits for an agent that comes', { skip }, async (t) => {
      const patientDirectory = makeDirectory(t);
      const late = path.join(patientDirectory, 'late.sock');
      const options = { directory: patientDirectory, cacheDirectory, socket: late, wait: 60, ...shimOptions };
      const ended = runShim((await installShim(options)).file, { CNI_COMMAND: 'ADD' }, '{}');
      await using _server = await CniServer.listen({ socket: late, handle: echo });
      assert.equal((await ended).status, 0);
    });

    it('adds and deletes a pod by the service behind the socket', { skip }, async (t) => {
      const fixture = new ServiceFixture(t);
      fixture.addNamespace('pod');
      const { service } = fixture.start();
      assert.ok(service instanceof CniService);
      await using _server = await CniServer.listen({ socket, handle: (asked) => service.handle(asked) });
      const added = await runShim(shim.file, environmentOf('ADD', 'pod'), configurationOf('1.0.0'));
      assert.equal(added.status, 0, added.stdout);
      assert.equal(JSON.parse(added.stdout).ips[0].address, '10.244.3.2/32');
      const deleted = await runShim(shim.file, environmentOf('DEL', 'pod'), configurationOf('1.0.0'));
      assert.deepEqual(deleted, { status: 0, stdout: '' });
    });
  });

describe('installShim', () => {
  it('compiles once, replaces what differs, and leaves what does not', async (t) => {
    const directory = makeDirectory(t);
    const options = { directory, cacheDirectory, socket: '/run/flatnet/cni.sock', wait: 10 };
    const first = await installShim(options);
    if (first.kind !== 'compiled') return t.skip('no C compiler here');
    const { ino } = statSync(first.file);
    await installShim(options);
    assert.equal(statSync(first.file).ino, ino);
    assert.equal(readFileSync(`${first.file}.conf`, 'utf8'), 'socket=/run/flatnet/cni.sock\nwait=10\n');
    assert.equal((await installShim({ ...options, compilers: [] })).kind, 'script');
    assert.match(readFileSync(first.file, 'utf8'), /^#!\//);
    assert.equal((await installShim({ ...options, prebuilt: first.file })).kind, 'prebuilt');
  });
});
