/** Our CNI executable, socket and service under a real runtime: podman with its CNI backend. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { formatAddress } from '../../src/address/address.ts';
import { AttachmentLifecycle } from '../../src/cni/attachment-lifecycle.ts';
import { AttachmentStore } from '../../src/cni/attachment-store.ts';
import { CniServer } from '../../src/cni/cni-server.ts';
import { type CniOutcome, CniService } from '../../src/cni/cni-service.ts';
import { writeNetworkConfiguration } from '../../src/cni/network-configuration-file.ts';
import { installShim } from '../../src/cni/shim-installation.ts';
import { AddressStore } from '../../src/ipam/address-store.ts';
import { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { IprouteNetwork } from '../iproute-network.ts';
import { BUSYBOX, GREETING, IMAGE, PodmanFiles, reasonToSkipPodman } from '../podman.ts';

/** A host with podman, the executable and the service of ours, and an image of busybox. */
async function prepareHost(t: TestContext) {
  const cleanup = new AsyncDisposableStack();
  t.after(() => cleanup.disposeAsync());
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-podman-'));
  cleanup.defer(() => rmSync(directory, { recursive: true, force: true }));
  const host = cleanup.use(NetworkNamespace.create());
  const network = new IprouteNetwork(host);
  const addresses = new AddressStore({ directory: path.join(directory, 'networks/flatnet') });
  const attachments = AttachmentStore.open(path.join(directory, 'attachments'));
  const lifecycle = new AttachmentLifecycle({ network, addresses, attachments, boot: 'test', bootedAt: 0 });
  const outcomes: CniOutcome[] = [];
  const onOutcome = (outcome: CniOutcome) => outcomes.push(outcome);
  const service = new CniService({ network, addresses, lifecycle, networkName: 'flatnet', onOutcome });
  const socket = path.join(directory, 'run/cni.sock');
  const server = cleanup.use(await CniServer.listen({ socket, handle: (request) => service.handle(request) }));
  const plugins = path.join(directory, 'bin');
  await installShim({ directory: plugins, cacheDirectory: path.join(tmpdir(), 'flatnet-shim-cache'), socket, wait: 0 });
  const configurations = path.join(directory, 'net.d');
  writeNetworkConfiguration({ directory: configurations });

  mkdirSync(path.join(directory, 'podman'));
  const files = new PodmanFiles(path.join(directory, 'podman'), plugins, configurations);
  const run = async ([command = '', ...words]: readonly string[]) => {
    const env = { ...process.env, ...files.environment };
    const child = host.run(() => spawn(command, words, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { status: await ended, stdout, stderr };
  };
  cleanup.defer(async () => {
    await run(files.command('rm', '--all', '--force', '--time=0'));
  });
  const imported = await run(files.command('import', files.archive, IMAGE));
  assert.equal(imported.status, 0, imported.stderr);
  return { run, files, addresses, attachments, outcomes, server };
}

describe('podman with the CNI executable', { skip: reasonToSkipPodman() }, () => {
  // crun insists on a file system there, and the one of a fresh /sys has none.
  spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', '/sys/fs/cgroup']);

  it('gives a container its address, and takes it back when the container goes', async (t) => {
    const { run, files, addresses, attachments, outcomes } = await prepareHost(t);
    const { status, stdout, stderr } = await run(files.run(['--rm'], BUSYBOX, 'ip', 'address'));
    assert.equal(status, 0, stderr);
    assert.match(stdout, /eth0@/);
    assert.match(stdout, /inet 10\.244\.9\.2\/32/);
    assert.match(stdout, /inet6 fd00:10:244:9::2\/128/);
    assert.match(stdout, /mtu 1400/);
    assert.deepEqual(await addresses.list(), []);
    assert.deepEqual(attachments.list(), []);
    const commands = outcomes.map(({ command, error }) => (error === undefined ? command : `${command} failed`));
    assert.deepEqual([commands.includes('ADD'), commands.includes('DEL')], [true, true], commands.join());
    assert.ok(!commands.some((command) => command.endsWith('failed')));
  });

  it('lets containers speak to each other, each under its own address', async (t) => {
    const { run, files, attachments } = await prepareHost(t);
    const server = await run(files.serve('server'));
    assert.equal(server.status, 0, server.stderr);
    const [attachment] = attachments.list().map((record) => record.attachment);
    assert.deepEqual(attachment?.pod, { name: 'server' });
    const [address] = attachment.addresses;
    assert.ok(address !== undefined);
    const format = '--format={{.NetworkSettings.Networks.flatnet.IPAddress}}';
    const told = await run(files.command('inspect', format, 'server'));
    assert.equal(told.stdout.trim(), formatAddress(address), told.stderr);
    const client = await run(files.fetch(formatAddress(address)));
    assert.ok(client.stdout.endsWith(GREETING), client.stderr);
  });

  it('shows its user what is wrong, and what to do', async (t) => {
    const { run, files, server, addresses } = await prepareHost(t);
    await server.close();
    const { status, stderr } = await run(files.run(['--rm'], BUSYBOX, 'true'));
    assert.notEqual(status, 0);
    assert.match(stderr, /flatnet: the agent cannot be reached at .*cni\.sock/);
    assert.deepEqual(await addresses.list(), []);
  });
});
