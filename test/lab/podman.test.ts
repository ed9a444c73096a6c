/** Containers of podman on the hosts of a lab: a second runtime, beside the lab's own, of the agent's CNI executable. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { BUSYBOX, GREETING, IMAGE, PodmanFiles, reasonToSkipPodman } from '../podman.ts';
import { LabUser, until } from './lab-fixture.ts';

const HOSTS = ['node-1', 'node-2'] as const;
const RESERVED = ['ls', '/var/lib/cni/networks/flatnet'];

describe('podman on the hosts of a lab', { skip: reasonToSkipPodman() }, () => {
  it('has containers that reach each other across hosts, and leaves nothing of them', async (t) => {
    const user = new LabUser(t);
    const lab = await user.startBareLab('default', HOSTS.length);
    const podman = HOSTS.map((host) => {
      const directory = path.join(user.directory, host);
      mkdirSync(directory);
      const files = new PodmanFiles(directory, '/opt/cni/bin', '/etc/cni/net.d');
      const settings = Object.entries(files.environment).map(([name, value]) => `${name}=${value}`);
      const run = (words: readonly string[]) => {
        const { status, stdout, stderr } = lab.exec(`node/${host}`, 'env', ...settings, ...words);
        assert.equal(status, 0, `${words.join(' ')}: ${stderr}`);
        return stdout;
      };
      return { host, files, run };
    });
    for (const { host, files, run } of podman) {
      await until(
        `${host} is ready for pods`,
        () => lab.exec(`node/${host}`, 'test', '-e', '/etc/cni/net.d/10-flatnet.conflist').status === 0,
      );
      run(['mount', '-t', 'tmpfs', 'tmpfs', '/sys/fs/cgroup']);
      run(files.command('import', files.archive, IMAGE));
    }
    const [first, second] = podman;
    assert.ok(first !== undefined && second !== undefined);
    first.run(first.files.serve('server'));
    const format = '--format={{.NetworkSettings.Networks.flatnet.IPAddress}}';
    const address = first.run(first.files.command('inspect', format, 'server')).trim();
    assert.match(address, /^10\.244\.\d+\.\d+$/);
    for (const { files, run } of podman) assert.ok(run(files.fetch(address)).endsWith(GREETING));

    const own = second.run(second.files.run(['--rm'], BUSYBOX, 'ip', 'address'));
    assert.match(own, /inet 10\.244\.\d+\.\d+\/32/);
    assert.match(own, /inet6 fd00:10:244:/);
    first.run(first.files.command('rm', '--force', '--time=0', 'server'));
    for (const { host, run } of podman)
      await until(`no address is taken on ${host}`, () => !/^(10\.|fd00)/m.test(run(RESERVED)));
  });
});
