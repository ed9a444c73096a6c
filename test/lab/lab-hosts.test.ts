import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LabUser, until } from './lab-fixture.ts';

/** The exit code of curl: 7 is "connection refused", so that somebody was there to refuse it. */
const REFUSED = 7;

describe('the hosts of a lab', () => {
  it('reach each other over the router, and the host outside, in both families', async (t) => {
    const lab = await new LabUser(t).startBareLab('default', 3);
    await lab.ready();
    const targets = [
      ...['192.168.1.11', '192.168.1.12', '203.0.113.10'],
      ...['[fd00:192:168:1::11]', '[fd00:192:168:1::12]', '[2001:db8:113::10]'],
    ];
    for (const target of targets) {
      const { status, stderr } = lab.exec('node/node-3', 'curl', '-sS', '--max-time', '60', `http://${target}:9`);
      assert.equal(status, REFUSED, `${target}: ${stderr}`);
    }
    const api = lab.exec('node/node-3', 'curl', '-sSk', '--max-time', '60', 'https://192.168.0.1:6443/version');
    assert.match(api.stdout, /gitVersion/);
  });

  it('have files of their own, which outlive a reboot but for /run', async (t) => {
    const lab = await new LabUser(t).startBareLab('default', 2);
    const write = 'for d in /run /var/lib /etc /etc/cni /opt/cni/bin; do echo $(hostname) > $d/mine; done';
    assert.equal(lab.exec('node/node-1', 'sh', '-c', write).status, 0);
    const read = 'cat /run/mine /var/lib/mine /etc/mine /etc/cni/mine /opt/cni/bin/mine 2>/dev/null | tr "\\n" " "';
    assert.equal(lab.exec('node/node-1', 'sh', '-c', read).stdout, 'node-1 '.repeat(5));
    assert.equal(lab.exec('node/node-2', 'sh', '-c', read).stdout, '');
    lab.exec('node/node-1', 'sh', '-c', 'sleep 1000 >/dev/null 2>&1 </dev/null & ip link add gone type dummy');
    assert.ok(lab.processWith(/sleep 1000/) > 0);
    assert.equal(lab.user.run(['lab', 'reboot', 'node-1']).status, 0);
    await until('its processes have ended', () => lab.processWith(/sleep 1000/) === 0);
    assert.equal(lab.exec('node/node-1', 'sh', '-c', read).stdout, 'node-1 '.repeat(4));
    const links = lab.exec('node/node-1', 'ip', '-br', 'addr').stdout;
    assert.match(links, /eth0.*192\.168\.1\.11/);
    assert.doesNotMatch(links, /gone/);
    await until('its agent runs again', () => lab.processWith(/flatnet-agent| agent --config/) > 0);
  });

  it('run commands with their streams, exit codes and terminals', async (t) => {
    const lab = await new LabUser(t).startBareLab();
    const run = (args: readonly string[], input?: string) => lab.user.run(['lab', 'exec', ...args], input);
    const big = 'x'.repeat(1_000_000);
    assert.equal(run(['node/node-1', '--', 'cat'], big).stdout, big);
    const both = run(['node/node-1', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    assert.deepEqual([both.stdout, both.stderr, both.status], ['out\n', 'err\n', 7]);
    assert.equal(run(['node/node-1', '--', 'sh', '-c', 'kill -TERM $$']).status, 128 + 15);
    assert.equal(run(['node/node-1', '--', 'nonesuch']).status, 127);
    assert.match(
      run(['-t', 'node/node-1', '--', 'sh', '-c', 'tty; stty size']).stdout,
      /^\/dev\/pts\/\d+\r\n24 80\r\n$/,
    );
    assert.equal(run(['internet', '--', 'hostname']).stdout, 'internet\n');
    const unknown = run(['node/node-7', '--', 'true']);
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /no host "node-7"\n {2}it has internet, node-1/);
  });

  it('show what their agents logged', async (t) => {
    const lab = await new LabUser(t).startBareLab();
    await until('the agent says something', () => lab.user.run(['lab', 'logs', 'node-1']).stdout !== '');
    assert.equal(lab.user.run(['lab', 'logs', 'node-9']).status, 1);
  });
});
