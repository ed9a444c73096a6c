import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { formatAddress } from '../address/address.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { CniReply } from './cni-request.ts';
import type { CniService } from './cni-service.ts';
import { configurationOf, environmentOf, READY, ServiceFixture } from './service-fixture.ts';
import { CNI_VERSIONS } from './version.ts';

interface Printed {
  readonly exit: number;
  readonly output: unknown;
}

function printed({ exit, stdout }: CniReply): Printed {
  return { exit, output: stdout === '' ? undefined : JSON.parse(stdout) };
}

function fieldOf(output: unknown, name: string): unknown {
  return typeof output === 'object' && output !== null ? Reflect.get(output, name) : undefined;
}

/** A service, its fixture, and a short way to ask it. */
function prepare(t: TestContext) {
  const fixture = new ServiceFixture(t);
  const { service, lifecycle } = fixture.start();
  return { fixture, service, lifecycle, ask: asker(service) };
}

function asker(service: CniService) {
  return async (
    command: string,
    containerId: string,
    { version = '1.1.0', configuration = {}, environment = {} }: AskOptions = {},
  ): Promise<Printed> =>
    printed(
      await service.handle({
        environment: environmentOf(command, containerId, environment),
        stdin: configurationOf(version, configuration),
      }),
    );
}

interface AskOptions {
  readonly version?: string;
  readonly configuration?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
}

function assertError(reply: Printed, code: number, pattern: RegExp): void {
  assert.equal(reply.exit, 1);
  assert.equal(fieldOf(reply.output, 'code'), code, JSON.stringify(reply.output));
  assert.match(`${fieldOf(reply.output, 'msg')}; ${fieldOf(reply.output, 'details')}`, pattern);
}

describe('ADD', () => {
  it('answers in the form of every version', async (t) => {
    const { fixture, ask } = prepare(t);
    for (const version of CNI_VERSIONS) {
      fixture.addNamespace('pod');
      const { exit, output } = await ask('ADD', 'pod', {
        version,
        configuration: { dns: { nameservers: ['10.96.0.10'] } },
      });
      assert.equal(exit, 0, JSON.stringify(output));
      const address = fixture.attachments.list()[0]?.attachment.addresses.map(formatAddress)[0] ?? '';
      const last = Number(address.split('.')[3]);
      const family = (number: string) => (version < '1.0.0' ? { version: number } : {});
      const mtu = version === '1.1.0' ? { mtu: 1450 } : {};
      assert.deepEqual(output, {
        cniVersion: version,
        interfaces: [
          { name: fixture.attachments.list()[0]?.attachment.hostLink, ...mtu },
          { name: 'eth0', mac: `0a:58:0a:f4:03:0${last}`, sandbox: '/run/netns/pod', ...mtu },
        ],
        ips: [
          { ...family('4'), address: `${address}/32`, gateway: '169.254.1.1', interface: 1 },
          { ...family('6'), address: `fd00:10:244:3::${last}/128`, gateway: 'fe80::1', interface: 1 },
        ],
        routes: [
          { dst: '0.0.0.0/0', gw: '169.254.1.1' },
          { dst: '::/0', gw: 'fe80::1' },
        ],
        dns: { nameservers: ['10.96.0.10'] },
      });
      assert.equal((await ask('DEL', 'pod', { version })).exit, 0);
    }
  });

  it('adds to the result of a plugin before it, and keeps what that said', async (t) => {
    const { fixture, ask } = prepare(t);
    fixture.addNamespace('pod');
    const prevResult = {
      cniVersion: '1.1.0',
      interfaces: [{ name: 'dummy0', sandbox: '/run/netns/pod', pciID: '0000:01' }],
      ips: [{ address: '192.0.2.7/24', interface: 0 }],
      dns: { domain: 'example.org' },
    };
    const { output } = await ask('ADD', 'pod', { configuration: { prevResult } });
    const interfaces = fieldOf(output, 'interfaces');
    assert.ok(Array.isArray(interfaces) && interfaces.length === 3);
    assert.deepEqual(interfaces[0], prevResult.interfaces[0]);
    const ips = fieldOf(output, 'ips');
    assert.ok(Array.isArray(ips));
    assert.deepEqual(
      ips.map((ip) => fieldOf(ip, 'interface')),
      [0, 2, 2],
    );
    assert.deepEqual(fieldOf(output, 'dns'), { domain: 'example.org' });
  });

  it('honours capabilities and arguments in any order', async (t) => {
    const { fixture, ask } = prepare(t);
    fixture.addNamespace('pod');
    fixture.network.annotations.set('default/web', { 'flatnet.io/allow-spoofing': 'true' });
    const { exit, output } = await ask('ADD', 'pod', {
      environment: {
        CNI_ARGS:
          'K8S_POD_UID=u-1;K8S_POD_INFRA_CONTAINER_ID=pod;SOMETHING=else;K8S_POD_NAME=web;IgnoreUnknown=1;K8S_POD_NAMESPACE=default',
      },
      configuration: {
        runtimeConfig: {
          portMappings: [
            { hostPort: 8080, containerPort: 80, protocol: 'TCP' },
            { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '192.0.2.1' },
            { hostPort: 81, containerPort: 81, protocol: 'tcp', hostIP: '0.0.0.0' },
          ],
          bandwidth: { ingressRate: 1_000_000, ingressBurst: 0 },
          ips: ['10.244.3.5/24'],
          mac: '02:00:00:00:00:AA',
        },
      },
    });
    assert.equal(exit, 0, JSON.stringify(output));
    const attachment = fixture.attachments.list()[0]?.attachment;
    assert.ok(attachment !== undefined);
    assert.deepEqual(attachment.addresses.map(formatAddress), ['10.244.3.5', 'fd00:10:244:3::2']);
    assert.equal(attachment.mac, '02:00:00:00:00:aa');
    assert.deepEqual(attachment.pod, { namespace: 'default', name: 'web', uid: 'u-1' });
    assert.deepEqual(attachment.bandwidth, { ingressRate: 1_000_000 });
    assert.deepEqual(
      attachment.portMappings.map(({ hostIP, ...mapping }) => [mapping.protocol, hostIP && formatAddress(hostIP)]),
      [
        ['tcp', undefined],
        ['udp', '192.0.2.1'],
        ['tcp', undefined],
      ],
    );
    assert.equal(attachment.allowSpoofing, true);
  });

  const refusals: readonly (readonly [string, AskOptions, number, RegExp])[] = [
    ['an unknown version', { version: '0.2.0' }, 1, /0\.2\.0.*0\.3\.1, 0\.4\.0, 1\.0\.0, 1\.1\.0/],
    ['an IPAM plugin', { configuration: { ipam: { type: 'host-local' } } }, 2, /host-local/],
    ['ranges', { configuration: { runtimeConfig: { ipRanges: [[{ subnet: '10.0.0.0/8' }]] } } }, 2, /ipRanges/],
    [
      'a port too high',
      { configuration: { runtimeConfig: { portMappings: [{ hostPort: 70000, containerPort: 1 }] } } },
      7,
      /portMappings\.0\.hostPort/,
    ],
    [
      'an address of elsewhere',
      { configuration: { runtimeConfig: { ips: ['192.0.2.1'] } } },
      7,
      /192\.0\.2\.1.*10\.244\.3\.0\/29/,
    ],
    ['a bad name', { configuration: { name: '../etc' } }, 7, /name: /],
    ['a missing variable', { environment: { CNI_IFNAME: '', CNI_NETNS: '' } }, 4, /CNI_NETNS, CNI_IFNAME/],
    ['a bad container id', { environment: { CNI_CONTAINERID: 'a/b' } }, 4, /CNI_CONTAINERID "a\/b"/],
    ['a bad interface name', { environment: { CNI_IFNAME: 'a-name-of-16-byt' } }, 4, /CNI_IFNAME/],
    ['a namespace that is not there', { environment: { CNI_NETNS: '/run/netns/other' } }, 4, /\/run\/netns\/other/],
    ['unknown arguments', { environment: { CNI_ARGS: 'COLOUR=red' } }, 4, /COLOUR.*IgnoreUnknown/],
    ['an unknown command', { environment: { CNI_COMMAND: 'FROB' } }, 4, /FROB/],
    ['a broken previous result', { configuration: { prevResult: { ips: 7 } } }, 6, /ips/],
  ];
  for (const [what, options, code, pattern] of refusals)
    it(`refuses ${what} with code ${code}`, async (t) => {
      const { fixture, ask } = prepare(t);
      fixture.addNamespace('pod');
      assertError(await ask('ADD', 'pod', options), code, pattern);
      assert.deepEqual(fixture.attachments.list(), []);
      assert.deepEqual(await fixture.addresses.list(), []);
    });

  it('refuses what is not JSON, the version in the answer being the newest', async (t) => {
    const { service } = prepare(t);
    for (const stdin of ['', '{"cniVersion":']) {
      const reply = printed(await service.handle({ environment: environmentOf('ADD', 'pod'), stdin }));
      assertError(reply, 6, stdin === '' ? /empty/ : /JSON/);
      assert.equal(fieldOf(reply.output, 'cniVersion'), '1.1.0');
    }
  });

  it("refuses the host's own namespace", async (t) => {
    const fixture = new ServiceFixture(t);
    const { identifyOwnNamespace } = await import('./namespace-identity.ts');
    fixture.namespaces.set('/run/netns/pod', identifyOwnNamespace());
    assertError(await asker(fixture.start().service)('ADD', 'pod'), 4, /namespace of the host/);
  });

  it('refuses an interface that is attached, and leaves it as it is', async (t) => {
    const { fixture, ask } = prepare(t);
    fixture.addNamespace('pod');
    await ask('ADD', 'pod');
    assertError(await ask('ADD', 'pod'), 4, /CNI_IFNAME eth0.*attached already/);
    assert.equal(fixture.attachments.list().length, 1);
    assert.equal((await ask('ADD', 'pod', { environment: { CNI_IFNAME: 'net1' } })).exit, 0);
    assert.equal((await fixture.addresses.list()).length, 4);
  });

  it('says try again later until the network is ready, and when addresses have run out', async (t) => {
    const { fixture, ask } = prepare(t);
    fixture.network.state = { state: 'unready', why: 'no prefix yet', remedy: 'run a controller', podsAffected: false };
    fixture.addNamespace('late');
    assertError(await ask('ADD', 'late'), 11, /no prefix yet; run a controller/);
    fixture.network.state = READY;
    for (let number = 0; number < 5; number++) {
      fixture.addNamespace(`pod${number}`);
      assert.equal((await ask('ADD', `pod${number}`)).exit, 0);
    }
    assertError(await ask('ADD', 'late'), 11, /all 5 pod addresses of 10\.244\.3\.0\/29 are taken/);
    assert.equal(fixture.attachments.list().length, 5);
    assert.equal((await fixture.addresses.list()).length, 10);
  });

  it('leaves nothing behind when wiring fails', async (t) => {
    const { fixture, ask } = prepare(t);
    fixture.addNamespace('pod');
    fixture.network.before = async (step) => {
      if (step === 'attach')
        throw new FlatnetError({
          operation: 'wire pod',
          code: 'conflict',
          message: 'eth0 is there',
          remedy: 'remove it',
        });
    };
    assertError(await ask('ADD', 'pod'), 100, /wire pod: eth0 is there; remove it/);
    assert.deepEqual(
      fixture.network.detached.map(({ containerId, namespacePath }) => [containerId, namespacePath]),
      [['pod', '/run/netns/pod']],
    );
    assert.deepEqual(fixture.attachments.list(), []);
    assert.deepEqual(await fixture.addresses.list(), []);
  });

  it('attaches fifty at once, each with an address of its own', async (t) => {
    const { fixture, ask } = prepare(t);
    const { parsePrefix } = await import('../address/prefix.ts');
    if (READY.state !== 'ready') return;
    fixture.network.state = {
      ...READY,
      parameters: { ...READY.parameters, podPrefixes: [parsePrefix('10.0.0.0/24')] },
    };
    const ids = Array.from({ length: 50 }, (_, number) => `pod${number}`);
    for (const id of ids) fixture.addNamespace(id);
    const replies = await Promise.all(ids.map((id) => ask('ADD', id)));
    assert.ok(replies.every(({ exit }) => exit === 0));
    const records = fixture.attachments.list();
    assert.equal(new Set(records.flatMap(({ attachment }) => attachment.addresses.map(formatAddress))).size, 50);
    assert.equal(new Set(records.map(({ attachment }) => attachment.hostLink)).size, 50);
  });
});

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
