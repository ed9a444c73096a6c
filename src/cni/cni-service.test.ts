import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { identifyOwnNamespace } from '../kernel/network-namespace.ts';
import {
  type AskOptions,
  asker,
  assertError,
  environmentOf,
  fieldOf,
  prepare,
  printed,
  READY,
  ServiceFixture,
} from './service-fixture.ts';
import { CNI_VERSIONS } from './version.ts';

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
