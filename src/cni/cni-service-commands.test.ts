import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FlatnetError } from '../error/flatnet-error.ts';
import {
  assertError,
  configurationOf,
  environmentOf,
  fieldOf,
  type Printed,
  prepare,
  printed,
  READY,
} from './service-fixture.ts';
import { CNI_VERSIONS } from './version.ts';

describe('DEL', () => {
  it('frees everything, twice, the second time as containerd does', async (t) => {
    const { fixture, ask } = prepare(t);
    fixture.addNamespace('pod');
    await ask('ADD', 'pod');
    assert.deepEqual(await ask('DEL', 'pod'), { exit: 0, output: undefined });
    assert.deepEqual(await ask('DEL', 'pod', { environment: { CNI_NETNS: '' } }), { exit: 0, output: undefined });
    assert.deepEqual(fixture.attachments.list(), []);
    assert.deepEqual(await fixture.addresses.list(), []);
    assert.equal(fixture.network.wired.size, 0);
  });

  it('names the namespace to the network only while it is still the same one', async (t) => {
    const { fixture, ask } = prepare(t);
    for (const [id, identity] of [
      ['same', 'identity of same'],
      ['other', 'identity of a stranger'],
      ['gone', undefined],
    ] as const) {
      fixture.addNamespace(id);
      await ask('ADD', id);
      if (identity === undefined) fixture.namespaces.delete(`/run/netns/${id}`);
      else fixture.namespaces.set(`/run/netns/${id}`, identity);
      assert.equal((await ask('DEL', id)).exit, 0);
    }
    assert.deepEqual(
      fixture.network.detached.map(({ namespacePath }) => namespacePath),
      ['/run/netns/same', undefined, undefined],
    );
  });

  it('frees addresses that another plugin reserved for the container', async (t) => {
    const { fixture, ask } = prepare(t);
    if (READY.state !== 'ready') return;
    await fixture.addresses.allocate({ containerId: 'pod', interfaceName: 'eth0' }, READY.parameters.podPrefixes);
    assert.equal((await ask('DEL', 'pod')).exit, 0);
    assert.deepEqual(await fixture.addresses.list(), []);
  });

  it('minds neither an unready network, nor a broken previous result, nor unknown arguments', async (t) => {
    const { fixture, ask } = prepare(t);
    fixture.addNamespace('pod');
    await ask('ADD', 'pod');
    fixture.network.state = { state: 'unready', why: 'no API', podsAffected: false };
    const reply = await ask('DEL', 'pod', {
      configuration: { prevResult: 'nonsense', runtimeConfig: { ipRanges: [[]] }, ipam: { type: 'host-local' } },
      environment: { CNI_ARGS: 'A=B' },
    });
    assert.equal(reply.exit, 0);
    assert.deepEqual(await fixture.addresses.list(), []);
  });

  it('keeps the addresses where unwiring fails, and frees them at the next try', async (t) => {
    const { fixture, ask } = prepare(t);
    fixture.addNamespace('pod');
    await ask('ADD', 'pod');
    fixture.network.before = async () => {
      throw new FlatnetError({ operation: 'unwire pod', code: 'unavailable', message: 'busy' });
    };
    assertError(await ask('DEL', 'pod'), 11, /busy/);
    assert.equal((await fixture.addresses.list()).length, 2);
    assert.deepEqual(fixture.start().lifecycle.attached(), []);
    fixture.network.before = async () => {};
    assert.equal((await ask('DEL', 'pod')).exit, 0);
    assert.deepEqual(await fixture.addresses.list(), []);
  });

  it('waits for an ADD of the same container, and not for those of others', async (t) => {
    const { fixture, ask } = prepare(t);
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    fixture.network.before = async (step, containerId) => {
      if (step !== 'attach' || containerId !== 'slow') return;
      begun.resolve();
      await gate.promise;
    };
    for (const id of ['slow', 'quick']) fixture.addNamespace(id);
    const finished: string[] = [];
    const note = (what: string) => (reply: Printed) => finished.push(`${what} ${reply.exit}`);
    const slow = ask('ADD', 'slow').then(note('ADD slow'));
    await begun.promise;
    const removal = ask('DEL', 'slow').then(note('DEL slow'));
    await ask('ADD', 'quick').then(note('ADD quick'));
    gate.resolve();
    await Promise.all([slow, removal]);
    assert.deepEqual(finished, ['ADD quick 0', 'ADD slow 0', 'DEL slow 0']);
    assert.equal(fixture.attachments.list().length, 1);
  });
});

describe('CHECK', () => {
  it('compares the previous result, then asks the network', async (t) => {
    const { fixture, ask } = prepare(t);
    fixture.addNamespace('pod');
    const prevResult = (await ask('ADD', 'pod', { version: '1.0.0' })).output;
    const check = (configuration: Readonly<Record<string, unknown>>) =>
      ask('CHECK', 'pod', { version: '1.0.0', configuration });
    assert.deepEqual(await check({ prevResult }), { exit: 0, output: undefined });
    assertError(await check({}), 7, /prevResult is missing/);
    assertError(await check({ prevResult: { ips: [] } }), 100, /no address 10\.244\.3\.2, fd00:10:244:3::2/);
    fixture.network.before = async () => {
      throw new FlatnetError({ operation: 'check pod', code: 'conflict', message: 'the default route has gone' });
    };
    assertError(await check({ prevResult }), 100, /default route has gone/);
  });

  it('does not know a container that was never added', async (t) => {
    const { ask } = prepare(t);
    assertError(await ask('CHECK', 'nobody', { configuration: { prevResult: {} } }), 3, /nobody/);
  });
});

describe('GC', () => {
  it('frees all but the valid ones of its network', async (t) => {
    const { fixture, ask } = prepare(t);
    for (const id of ['kept', 'lost']) {
      fixture.addNamespace(id);
      await ask('ADD', id);
    }
    fixture.addNamespace('elsewhere');
    await ask('ADD', 'elsewhere', { configuration: { name: 'other' } });
    if (READY.state !== 'ready') return;
    await fixture.addresses.allocate({ containerId: 'old', interfaceName: 'eth0' }, READY.parameters.podPrefixes);
    const valid = [{ containerID: 'kept', ifname: 'eth0' }];
    const reply = await ask('GC', '', { configuration: { 'cni.dev/valid-attachments': valid } });
    assert.deepEqual(reply, { exit: 0, output: undefined });
    assert.deepEqual(
      fixture.attachments
        .list()
        .map(({ attachment }) => attachment.containerId)
        .sort(),
      ['elsewhere', 'kept'],
    );
    assert.deepEqual([...new Set((await fixture.addresses.list()).map(({ owner }) => owner?.containerId))].sort(), [
      'elsewhere',
      'kept',
    ]);
  });

  it('goes on after an error, and reports every one', async (t) => {
    const { fixture, ask } = prepare(t);
    for (const id of ['stuck1', 'free', 'stuck2']) {
      fixture.addNamespace(id);
      await ask('ADD', id);
    }
    fixture.network.before = async (_step, id) => {
      if (id.startsWith('stuck')) throw new Error(`${id} cannot be unwired`);
    };
    const reply = await ask('GC', '', { configuration: { 'cni.dev/valid-attachments': [] } });
    assertError(reply, 100, /stuck1 cannot be unwired; stuck2 cannot be unwired/);
    assert.equal(fixture.attachments.list().length, 2);
  });

  it('frees nothing where nobody says what is valid', async (t) => {
    const { ask } = prepare(t);
    assertError(await ask('GC', ''), 7, /valid-attachments/);
  });
});

describe('STATUS', () => {
  it('succeeds where ADD would, and says why it would not', async (t) => {
    const { fixture, ask } = prepare(t);
    assert.deepEqual(await ask('STATUS', ''), { exit: 0, output: undefined });
    fixture.network.state = { state: 'unready', why: 'the node has no prefix', podsAffected: false };
    assertError(await ask('STATUS', ''), 50, /no prefix/);
    fixture.network.state = { state: 'unready', why: 'routes cannot be set', podsAffected: true };
    assertError(await ask('STATUS', ''), 51, /routes cannot be set/);
    fixture.network.state = READY;
    for (let number = 0; number < 5; number++) {
      fixture.addNamespace(`pod${number}`);
      await ask('ADD', `pod${number}`);
    }
    assertError(await ask('STATUS', ''), 50, /all pod addresses of 10\.244\.3\.0\/29 are taken/);
  });
});

describe('VERSION', () => {
  it('lists what is spoken, whatever is asked in', async (t) => {
    const { service } = prepare(t);
    for (const [stdin, cniVersion] of [
      ['{"cniVersion":"0.4.0"}', '0.4.0'],
      ['{"cniVersion":"9.0.0"}', '1.1.0'],
      ['', '1.1.0'],
    ] as const)
      assert.deepEqual(printed(await service.handle({ environment: { CNI_COMMAND: 'VERSION' }, stdin })), {
        exit: 0,
        output: { cniVersion, supportedVersions: CNI_VERSIONS },
      });
  });
});

describe('the loopback plugin', () => {
  it('is answered under its own name, and takes no address', async (t) => {
    const { fixture, service } = prepare(t);
    fixture.addNamespace('pod');
    const environment = { ...environmentOf('ADD', 'pod'), CNI_IFNAME: 'lo' };
    const reply = await service.handle({ plugin: 'loopback', environment, stdin: configurationOf('1.0.0') });
    assertError(printed(reply), 4, /raise loopback/);
    assert.deepEqual(await fixture.addresses.list(), []);
  });
});

describe('versions', () => {
  for (const [command, missing] of [
    ['CHECK', ['0.3.1']],
    ['GC', ['0.3.1', '0.4.0', '1.0.0']],
    ['STATUS', ['0.3.1', '0.4.0', '1.0.0']],
  ] as const)
    it(`have ${command} or say so`, async (t) => {
      const { ask } = prepare(t);
      for (const version of CNI_VERSIONS) {
        const code = fieldOf((await ask(command, 'pod', { version })).output, 'code');
        assert.equal(
          code === 1,
          missing.some((old) => old === version),
          `${command} in ${version}`,
        );
      }
    });
});
