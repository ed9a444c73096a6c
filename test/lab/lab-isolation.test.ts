import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { LabUser, ordinaryUserMissing, pidNamespace, processesIn, type StartedLab, until } from './lab-fixture.ts';

const missing = ordinaryUserMissing();
const AS = [
  { who: 'root or whoever runs the tests', ordinary: false, skip: false },
  { who: 'an ordinary user', ordinary: true, skip: missing ?? false },
] as const;

/** Every process that a lab consists of, and how it is found. */
const VICTIMS: readonly (readonly [string, (lab: StartedLab) => number])[] = [
  ['keeper', (lab) => lab.keeper.pid ?? 0],
  ['unshare', (lab) => lab.unshare],
  ['init', (lab) => lab.init],
];

/** Those whose end a lab outlives. */
const REPLACED: readonly (readonly [string, RegExp])[] = [
  ['agent', /flatnet-agent| agent --config/],
  ['controller', /flatnet-controller| controller --config/],
  ['host', /host node-1/],
];

for (const { who, ordinary, skip } of AS)
  describe(`a lab of ${who}`, { skip }, () => {
    for (const [victim, find] of VICTIMS)
      it(`leaves nothing behind when its ${victim} is killed`, async (t) => {
        const user = new LabUser(t, ordinary);
        const lab = await user.startBareLab();
        const namespace = pidNamespace(lab.init);
        assert.ok(namespace !== undefined && lab.processes.length > 3, lab.output);
        process.kill(find(lab), 'SIGKILL');
        await until('all its processes end', () => processesIn(namespace).length === 0);
        await until('its directory is gone', () => user.leftovers.length === 0);
        await until('the keeper ends', () => lab.hasEnded);
      });

    it('leaves nothing behind on Ctrl-C, and neither does a second one', async (t) => {
      for (const times of [1, 2]) {
        const user = new LabUser(t, ordinary);
        const lab = await user.startBareLab();
        const namespace = pidNamespace(lab.init) ?? '';
        for (let count = 0; count < times; count++) lab.keeper.kill('SIGINT');
        await until('the keeper ends', () => lab.hasEnded);
        await until('all its processes end', () => processesIn(namespace).length === 0);
        assert.deepEqual(user.leftovers, []);
      }
    });

    it('changes nothing of this machine', async (t) => {
      const before = { host: os.hostname(), links: Object.keys(os.networkInterfaces()), mounts: mounts() };
      const lab = await new LabUser(t, ordinary).startBareLab();
      assert.equal(lab.exec('node/node-1', 'sh', '-c', 'echo x > /etc/flatnet-test && hostname').stdout, 'node-1\n');
      assert.deepEqual({ host: os.hostname(), links: Object.keys(os.networkInterfaces()), mounts: mounts() }, before);
      assert.throws(() => statSync('/etc/flatnet-test'));
      await lab.end();
    });

    it('is its owner’s alone', async (t) => {
      const user = new LabUser(t, ordinary);
      await user.startBareLab();
      const directory = path.join(user.runtime, 'flatnet/labs/default');
      assert.equal(statSync(directory).mode & 0o777, 0o700);
      for (const file of ['control.sock', 'kubeconfig'])
        assert.equal(statSync(path.join(directory, file)).mode & 0o777, 0o600);
    });
  });

describe('a lab', () => {
  for (const [victim, text] of REPLACED)
    it(`goes on when its ${victim} is killed`, async (t) => {
      const lab = await new LabUser(t).startBareLab();
      const before = lab.processWith(text);
      assert.ok(before > 0, victim);
      process.kill(before, 'SIGKILL');
      await until('there is another one', () => ![0, before].includes(lab.processWith(text)));
      await until('the host runs', () => lab.exec('node/node-1', 'true').status === 0);
    });

  it('has no zombies when orphans end', async (t) => {
    const lab = await new LabUser(t).startBareLab();
    // The shell ends at once; its child is handed to the lab's init, and ends soon after.
    assert.equal(lab.exec('fabric', 'sh', '-c', 'sleep 0.1 >/dev/null 2>&1 </dev/null &').status, 0);
    const zombies = () => lab.exec('fabric', 'sh', '-c', 'grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l');
    await until('no zombie is left', () => lab.processWith(/sleep 0\.1/) === 0 && zombies().stdout.trim() === '0');
  });

  it('stands beside another one', async (t) => {
    const user = new LabUser(t);
    const [one, two] = await Promise.all([user.startBareLab('one'), user.startBareLab('two')]);
    assert.match(one.exec('node/node-1', 'ip', '-o', 'addr').stdout, /192\.168\.1\.11/);
    assert.match(two.exec('node/node-1', 'ip', '-o', 'addr').stdout, /192\.168\.1\.11/);
    const names = JSON.parse(user.run(['lab', 'list', '-o', 'json']).stdout).map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ['one', 'two']);
    await one.end();
    assert.equal(two.exec('node/node-1', 'true').status, 0);
  });

  it('refuses a name that is taken', async (t) => {
    const user = new LabUser(t);
    await user.startBareLab();
    const second = user.run(['lab', 'up']);
    assert.equal(second.status, 1);
    assert.match(second.stderr, /a lab named default is running/);
    assert.match(second.stderr, /flatnet lab down/);
  });

  it('stays when detached, until it is taken down', async (t) => {
    const user = new LabUser(t);
    const up = user.run(['lab', 'up', '--detach', '--hosts', '1', '-o', 'json']);
    t.after(() => user.run(['lab', 'down']));
    assert.equal(up.status, 0, up.stderr);
    assert.equal(JSON.parse(up.stdout).hosts.length, 1);
    assert.equal(user.run(['lab', 'down']).status, 0);
    assert.deepEqual(user.leftovers, []);
    assert.equal(user.run(['lab', 'down']).status, 1);
  });
});

/** Where something is mounted, but for what tests that run at the same time have mounted for themselves. */
function mounts(): readonly string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return points
    .filter((point) => !point.startsWith(`${os.tmpdir()}/flatnet-`) && !point.startsWith('/run/netns/'))
    .sort();
}
