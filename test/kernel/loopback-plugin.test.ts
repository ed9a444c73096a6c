import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoopbackPlugin } from '../../src/cni/loopback-plugin.ts';
import { jsonIn, newNamespace } from '../namespace.ts';

describe('loopback plugin', () => {
  const ask = async (command: string, namespacePath: string) => {
    const { exit, stdout } = await new LoopbackPlugin().handle({
      environment: { CNI_COMMAND: command, CNI_CONTAINERID: 'pod', CNI_IFNAME: 'lo', CNI_NETNS: namespacePath },
      stdin: '{"cniVersion":"1.0.0","name":"cni-loopback","type":"loopback"}',
    });
    return { exit, output: stdout === '' ? undefined : JSON.parse(stdout) };
  };

  it("brings up the loopback of a pod, and never the host's", async (t) => {
    const pod = newNamespace(t);
    const file = `/proc/${process.pid}/fd/${pod.fd}`;
    assert.equal((await ask('CHECK', file)).output.code, 100);
    const added = await ask('ADD', file);
    assert.equal(added.exit, 0, JSON.stringify(added.output));
    assert.deepEqual(added.output.ips, [
      { address: '127.0.0.1/8', interface: 0 },
      { address: '::1/128', interface: 0 },
    ]);
    const addresses = jsonIn(pod, 'ip', '-j', 'address', 'show', 'lo')[0]?.addr_info;
    assert.ok(Array.isArray(addresses));
    assert.deepEqual(addresses.map(({ local }) => local).sort(), ['127.0.0.1', '::1']);
    assert.deepEqual(await ask('CHECK', file), { exit: 0, output: undefined });
    assert.deepEqual(await ask('DEL', file), { exit: 0, output: undefined });
    assert.equal((await ask('ADD', '/proc/self/ns/net')).output.code, 4);
    assert.equal((await ask('ADD', '/nowhere')).output.code, 4);
  });
});
