/** Our CNI executable, socket and service under a real runtime: podman with its CNI backend. */
import assert from 'node:assert/strict';
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

const IMAGE = 'localhost/busybox:test';
const BUSYBOX = '/bin/busybox';

/** Why podman cannot be tried here, if so. */
function reasonToSkip(): string | false {
  for (const program of ['podman', 'crun', 'conmon'])
    if (spawnSync('which', [program]).status !== 0) return `${program} is not installed`;
  if (!/statically/.test(spawnSync('file', ['-L', BUSYBOX], { encoding: 'utf8' }).stdout))
    return `${BUSYBOX} is not a static one: install busybox-static`;
  if (!/^\s*0\s+0\s+4294967295/.test(readFileSync('/proc/self/uid_map', 'utf8')))
    return 'podman uses CNI for the real root only';
  return false;
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A host with podman, the executable and the service of ours, and an image of busybox. */
async function prepareHost(t: TestContext) {
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-podman-'));
  const cleanup = new AsyncDisposableStack();
  t.after(() => cleanup.disposeAsync());
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
  const server = await CniServer.listen({ socket, handle: (request) => service.handle(request) });
  cleanup.use(server);
  const plugins = path.join(directory, 'bin');
  await installShim({ directory: plugins, cacheDirectory: path.join(tmpdir(), 'flatnet-shim-cache'), socket, wait: 0 });
  const configurations = path.join(directory, 'net.d');
  writeNetworkConfiguration({ directory: configurations });

  const settings = path.join(directory, 'containers.conf');
  writeFileSync(
    settings,
    `[containers]\ncgroups = "disabled"\n[network]\nnetwork_backend = "cni"\ncni_plugin_dirs = ["${plugins}"]\n` +
      `network_config_dir = "${configurations}"\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n`,
  );
  const storage = ['--root', 'root', '--runroot', 'run', '--tmpdir', 'tmp'].map((word) =>
    word.startsWith('--') ? word : path.join(directory, 'podman', word),
  );
  const options: SpawnOptions = { env: { ...process.env, CONTAINERS_CONF: settings }, stdio: 'pipe' };
  const podman = async (...words: string[]): Promise<Ended> => {
    const child = host.run(() =>
      spawn('podman', [...storage, '--storage-driver', 'vfs', ...words], {
        ...options,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { status: await ended, stdout, stderr };
  };
  cleanup.defer(async () => {
    await podman('rm', '--all', '--force', '--time=0');
  });
  const importImage = async () => {
    const root = path.join(directory, 'image');
    mkdirSync(path.join(root, 'bin'), { recursive: true });
    copyFileSync(BUSYBOX, path.join(root, 'bin/busybox'));
    symlinkSync('busybox', path.join(root, 'bin/sh'));
    mkdirSync(path.join(root, 'www'));
    writeFileSync(path.join(root, 'www/hello'), 'hello');
    const archive = path.join(directory, 'image.tar');
    assert.equal(spawnSync('tar', ['-C', root, '-cf', archive, '.']).status, 0);
    const imported = await podman('import', archive, IMAGE);
    assert.equal(imported.status, 0, imported.stderr);
  };
  await importImage();
  return { podman, addresses, attachments, outcomes, server };
}

const RUN = ['run', '--cgroups=disabled', '--log-driver=none', '--network=flatnet'];

describe('podman with the CNI executable', { skip: reasonToSkip() }, () => {
  // crun insists on a file system there, and the one of a fresh /sys has none.
  spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', '/sys/fs/cgroup']);

  it('gives a container its address, and takes it back when the container goes', async (t) => {
    const { podman, addresses, attachments, outcomes } = await prepareHost(t);
    const { status, stdout, stderr } = await podman(...RUN, '--rm', '--name=first', IMAGE, BUSYBOX, 'ip', 'address');
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
    const { podman, attachments } = await prepareHost(t);
    const server = await podman(...RUN, '-d', '--name=server', IMAGE, BUSYBOX, 'httpd', '-f', '-p', '80', '-h', '/www');
    assert.equal(server.status, 0, server.stderr);
    const [attachment] = attachments.list().map((record) => record.attachment);
    assert.deepEqual(attachment?.pod, { name: 'server' });
    const [address] = attachment.addresses;
    assert.ok(address !== undefined);
    const told = await podman('inspect', '--format={{.NetworkSettings.Networks.flatnet.IPAddress}}', 'server');
    assert.equal(told.stdout.trim(), formatAddress(address), told.stderr);
    // The static busybox has no client that works without a C library's files; the container runs before its server listens.
    const volumes = ['/usr', '/lib', '/lib64'].map((folder) => `--volume=${folder}:${folder}:ro`);
    const request = `exec 3<>/dev/tcp/${formatAddress(address)}/80 && printf 'GET /hello HTTP/1.0\\r\\n\\r\\n' >&3 && exec cat <&3`;
    const fetch = `export REQUEST="${request}"; for i in {1..10}; do timeout 2 bash -c "$REQUEST" && exit; done; exit 1`;
    const client = await podman(...RUN, '--rm', ...volumes, IMAGE, '/usr/bin/bash', '-c', fetch);
    assert.match(client.stdout, /hello$/, client.stderr);
  });

  it('shows its user what is wrong, and what to do', async (t) => {
    const { podman, server, addresses } = await prepareHost(t);
    await server.close();
    const { status, stderr } = await podman(...RUN, '--rm', IMAGE, BUSYBOX, 'true');
    assert.notEqual(status, 0);
    assert.match(stderr, /flatnet: the agent cannot be reached at .*cni\.sock/);
    assert.deepEqual(await addresses.list(), []);
  });
});
