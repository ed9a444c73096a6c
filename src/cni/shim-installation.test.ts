import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { CniServer } from './cni-server.ts';
import { CniService } from './cni-service.ts';
import { configurationOf, echo, environmentOf, makeDirectory, ServiceFixture } from './service-fixture.ts';
import { compileShim, installLoopback, installShim, LINKAGES, type ShimOptions } from './shim-installation.ts';
import { formatShimReply, LARGEST_REQUEST, parseShimRequest } from './shim-protocol.ts';
import { CNI_VERSIONS } from './version.ts';

const cacheDirectory = path.join(tmpdir(), 'flatnet-shim-cache');

interface Ended {
  /** Null after a death by a signal. */
  readonly status: number | null;
  readonly stdout: string;
}

function startShim(file: string, env: Readonly<Record<string, string>>) {
  const child = spawn(file, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const status = new Promise<number | null>((resolve, reject) => child.once('exit', resolve).once('error', reject));
  child.stdin.on('error', () => {});
  return { child, status };
}

async function runShim(file: string, env: Readonly<Record<string, string>>, ...stdin: string[]): Promise<Ended> {
  const { child, status } = startShim(file, env);
  const stdout = text(child.stdout);
  await writeInPieces(child.stdin, stdin);
  return { stdout: await stdout, status: await status };
}

/** Each piece when the one before has left, so that the reader gets them one by one. */
async function writeInPieces(stream: Writable, pieces: readonly (string | Uint8Array)[]): Promise<void> {
  for (const piece of pieces) await new Promise<void>((resolve) => stream.write(piece, () => resolve()));
  stream.end();
}

/** An agent of its own making, for what CniServer never does. */
async function listen(t: TestContext, socket: string, serve: (connection: Socket) => void): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, serve).listen(socket);
  t.after(() => server.close());
  await once(server, 'listening');
}

/** What the shim asks where its settings say nothing. */
const DEFAULT_SOCKET = '/run/flatnet/cni.sock';

const shims: readonly (readonly [string, Partial<ShimOptions>])[] = [
  ...LINKAGES.map((linkage) => [linkage, { linkages: [linkage] }] as const),
  ['script', { compilers: [] }],
];

for (const [name, shimOptions] of shims)
  describe(`the shim, ${name}`, async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-shim-'));
    const socket = path.join(directory, 'cni.sock');
    const settings = path.join(directory, 'flatnet.conf');
    const install = (options: Partial<ShimOptions> = {}) =>
      installShim({ directory, cacheDirectory, socket, wait: 0, ...shimOptions, ...options });
    const shim = await install();
    const wanted = name === 'script' ? 'script' : 'compiled';
    const skip = shim.kind === wanted ? false : `nothing makes the ${name} shim here`;
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

    it('says try again later where the agent dies before it answers', { skip }, async (t) => {
      await listen(t, socket, (connection) => connection.destroy());
      const { status, stdout } = await runShim(shim.file, { CNI_COMMAND: 'ADD' }, '{}');
      assert.equal(status, 1);
      assert.equal(JSON.parse(stdout).code, 11);
    });

    it('says try again later where the agent dies while it is told', { skip }, async (t) => {
      await listen(t, socket, (connection) => connection.once('data', () => connection.destroy()));
      const { status, stdout } = await runShim(shim.file, { CNI_COMMAND: 'ADD' }, 'x'.repeat(900_000));
      assert.equal(status, 1);
      assert.equal(JSON.parse(stdout).code, 11);
    });

    it('takes and gives back what is long, in pieces', { skip }, async (t) => {
      const pieces = Array.from({ length: 30 }, (_, number) => String.fromCharCode(65 + number).repeat(number * 2000));
      await listen(t, socket, async (connection) => {
        const { stdin } = parseShimRequest(await buffer(connection));
        const reply = formatShimReply({ exit: 7, stdout: stdin });
        await writeInPieces(connection, [
          reply.subarray(0, 1),
          reply.subarray(1, 2),
          reply.subarray(2, 300_000),
          reply.subarray(300_000),
        ]);
      });
      const ended = await runShim(shim.file, { CNI_COMMAND: 'ADD' }, ...pieces);
      assert.deepEqual(ended, { status: 7, stdout: pieces.join('') });
    });

    it('gives back a refusal that comes before all was told', { skip }, async () => {
      await using _server = await CniServer.listen({ socket, handle: echo });
      const { status, stdout } = await runShim(shim.file, { CNI_COMMAND: 'ADD' }, 'x'.repeat(3 * LARGEST_REQUEST));
      assert.equal(status, 1);
      assert.match(JSON.parse(stdout).msg, /larger than/);
    });

    it('outlives a runtime that ends before the answer', { skip }, async (t) => {
      const { child, status } = startShim(shim.file, { CNI_COMMAND: 'ADD' });
      await listen(t, socket, async (connection) => {
        await buffer(connection);
        child.stdout.destroy();
        await once(child.stdout, 'close');
        connection.end(formatShimReply({ exit: 0, stdout: 'x'.repeat(100_000) }));
      });
      child.stdin.end('{}');
      assert.notEqual(await status, null);
    });

    it('hands on an empty environment', { skip }, async () => {
      await using _server = await CniServer.listen({ socket, handle: echo });
      const { status, stdout } = await runShim(shim.file, {}, '{}');
      assert.equal(status, 0);
      assert.deepEqual(JSON.parse(stdout), { plugin: 'flatnet', environment: {}, stdin: '{}' });
    });

    it('waits for an agent that comes', { skip }, async (t) => {
      const patientDirectory = makeDirectory(t);
      const late = path.join(patientDirectory, 'late.sock');
      const patient = await install({ directory: patientDirectory, socket: late, wait: 60 });
      const ended = runShim(patient.file, { CNI_COMMAND: 'ADD' }, '{}');
      await using _server = await CniServer.listen({ socket: late, handle: echo });
      assert.equal((await ended).status, 0);
    });

    it('waits for fractions of a second, and not for STATUS', { skip, timeout: 20_000 }, async (t) => {
      const patientDirectory = makeDirectory(t);
      for (const [wait, command, least] of [
        [0.25, 'ADD', 250],
        [1e-7, 'ADD', 0],
        [60, 'STATUS', 0],
      ] as const) {
        const patient = await install({ directory: patientDirectory, wait });
        const start = performance.now();
        assert.equal((await runShim(patient.file, { CNI_COMMAND: command }, '{}')).status, 1);
        // No bound from above but the timeout of this test.
        assert.ok(performance.now() - start >= least);
      }
    });

    it('reads its settings whatever ends their lines, and what stands last holds', { skip }, async (t) => {
      t.after(() => install());
      await using _server = await CniServer.listen({ socket, handle: echo });
      for (const content of [
        `wait=0\r\nsocket=${socket}\r\n`,
        `socket=${directory}/other.sock\n\nwait=0\nsocket=${socket}`,
        `# ${'x'.repeat(100_000)}\nsocket=${socket}\n`,
      ]) {
        writeFileSync(settings, content);
        assert.equal((await runShim(shim.file, { CNI_COMMAND: 'ADD' }, '{}')).status, 0);
      }
    });

    it('does without settings', { skip: skip || (existsSync(DEFAULT_SOCKET) && 'an agent runs here') }, async (t) => {
      t.after(() => install());
      rmSync(settings);
      const { status, stdout } = await runShim(shim.file, { CNI_COMMAND: 'STATUS' }, '{}');
      assert.equal(status, 1);
      assert.ok(JSON.parse(stdout).msg.includes(`cannot be reached at ${DEFAULT_SOCKET}`), stdout);
    });

    it('tells what is wrong as JSON, whatever the path of the socket', { skip }, async (t) => {
      t.after(() => install());
      const longest = path.join('/', 'x'.repeat(200));
      for (const [unusable, pattern] of [
        [`${directory}/a"b\\c\t.sock`, /cannot be reached at .*(No such file or directory|ENOENT)/],
        [shim.file, /cannot be reached at .*(Connection refused|ECONNREFUSED)/],
        [`${shim.file}/x`, /cannot be reached at .*(error 20|ENOTDIR)/],
        [longest, /cannot be reached at /],
      ] as const) {
        await install({ socket: unusable });
        const { status, stdout } = await runShim(shim.file, { CNI_COMMAND: 'STATUS' }, '{}');
        assert.equal(status, 1);
        assert.equal(JSON.parse(stdout).code, 50);
        assert.match(JSON.parse(stdout).msg, pattern);
      }
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
  it('needs no C library on x86_64 and aarch64', async (t) => {
    if (!['x64', 'arm64'].includes(process.arch)) return t.skip(`it needs one on ${process.arch}`);
    if ((await compileShim(cacheDirectory)) === undefined) return t.skip('no C compiler here');
    assert.notEqual(await compileShim(cacheDirectory, undefined, ['freestanding']), undefined);
  });

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
