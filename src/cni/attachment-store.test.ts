import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryAddress } from '../address/arbitrary.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { type AttachmentRecord, formatAttachmentRecord, parseAttachmentRecord } from './attachment-record.ts';
import { AttachmentStore } from './attachment-store.ts';
import { deriveHostLink } from './host-link-name.ts';
import { derivePodMac } from './pod-mac.ts';

const port = fc.integer({ min: 1, max: 65_535 });
const bits = fc.integer({ min: 1, max: 2 ** 40 });
const options = { noNullPrototype: true } as const;
const record: fc.Arbitrary<AttachmentRecord> = fc.record(
  {
    phase: fc.constantFrom('attaching', 'attached', 'detaching'),
    boot: fc.string(),
    namespaceIdentity: fc.string(),
    attachment: fc.record(
      {
        containerId: fc.stringMatching(/^[a-z0-9]{1,64}$/),
        interfaceName: fc.constantFrom('eth0', 'net1'),
        network: fc.constant('flatnet'),
        namespacePath: fc.string().map((text) => `/run/netns/${text}`),
        addresses: fc.array(arbitraryAddress, { maxLength: 2 }),
        hostLink: fc.string(),
        mac: arbitraryAddress.map((address) => derivePodMac([address])),
        wiring: fc.constantFrom('point-to-point', 'bridge'),
        mtu: fc.integer({ min: 1280, max: 9000 }),
        pod: fc.record(
          { namespace: fc.string(), name: fc.string(), uid: fc.string() },
          { ...options, requiredKeys: ['name'] },
        ),
        portMappings: fc.array(
          fc.record(
            {
              hostPort: port,
              containerPort: port,
              protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
              hostIP: arbitraryAddress,
            },
            { ...options, requiredKeys: ['hostPort', 'containerPort', 'protocol'] },
          ),
        ),
        bandwidth: fc.record(
          { ingressRate: bits, ingressBurst: bits, egressRate: bits, egressBurst: bits },
          { ...options, requiredKeys: [] },
        ),
        allowSpoofing: fc.boolean(),
      },
      {
        ...options,
        requiredKeys: [
          'containerId',
          'interfaceName',
          'network',
          'namespacePath',
          'addresses',
          'hostLink',
          'mac',
          'wiring',
          'mtu',
          'portMappings',
        ],
      },
    ),
  },
  options,
);

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-attachments-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return path.join(directory, 'attachments');
}

function sample(containerId: string): AttachmentRecord {
  const [drawn] = fc.sample(record, 1);
  assert.ok(drawn !== undefined);
  return { ...drawn, attachment: { ...drawn.attachment, containerId } };
}

describe('attachment record', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(record, (drawn) => {
        assert.deepEqual(parseAttachmentRecord(formatAttachmentRecord(drawn), drawn.phase), drawn);
      }),
    );
  });

  it('names the field that is wrong', () => {
    const text = formatAttachmentRecord(sample('pod')).replace(/"mtu": \d+/, '"mtu": "big"');
    assert.throws(
      () => parseAttachmentRecord(text, 'attached'),
      (error) => isFlatnetError(error, 'invalid') && /attachment\.mtu/.test(error.message),
    );
    assert.throws(
      () =>
        parseAttachmentRecord(
          formatAttachmentRecord(sample('pod')).replace('"version": 1', '"version": 2'),
          'attached',
        ),
      /newer/,
    );
  });
});

describe('AttachmentStore', () => {
  it('holds after a restart what it held before', (t) => {
    const directory = makeDirectory(t);
    const store = AttachmentStore.open(directory);
    const records = ['a', 'b', 'c'].map(sample);
    for (const each of records) store.put(each);
    store.remove(sample('b').attachment);
    const [first] = records;
    assert.ok(first !== undefined);
    const changed: AttachmentRecord = { ...first, phase: 'detaching' };
    store.put(changed);
    const reopened = AttachmentStore.open(directory);
    const byId = (list: readonly AttachmentRecord[]) =>
      list.toSorted((left, right) => left.attachment.containerId.localeCompare(right.attachment.containerId));
    assert.deepEqual(byId(reopened.list()), byId(store.list()));
    assert.deepEqual(reopened.get(first.attachment), changed);
    assert.equal(statSync(path.join(directory, readdirSync(directory)[0] ?? '')).mode & 0o777, 0o600);
  });

  it('sets aside what it cannot read, and tells', (t) => {
    const directory = makeDirectory(t);
    AttachmentStore.open(directory).put(sample('good'));
    writeFileSync(path.join(directory, 'bad:eth0.attached'), '{"version":');
    writeFileSync(path.join(directory, '.half:eth0.attached.0123456789ab.tmp'), '{');
    const { unreadable } = AttachmentStore.open(directory);
    assert.deepEqual(
      unreadable.map(({ file }) => file),
      [path.join(directory, 'unreadable/bad:eth0.attached')],
    );
    assert.equal(readFileSync(unreadable[0]?.file ?? '', 'utf8'), '{"version":');
    const again = AttachmentStore.open(directory);
    assert.deepEqual([again.unreadable.length, again.list().length], [0, 1]);
    assert.equal(readdirSync(directory).length, 2);
  });
});

describe('names derived for a pod', () => {
  it('make a host link that fits, of the interface alone, and another where it is taken', () => {
    const key = { containerId: 'c'.repeat(64), interfaceName: 'eth0' };
    const name = deriveHostLink(key);
    assert.match(name, /^veth[0-9a-f]{11}$/);
    assert.equal(deriveHostLink({ ...key }), name);
    assert.notEqual(deriveHostLink({ ...key, interfaceName: 'net1' }), name);
    const second = deriveHostLink(key, (candidate) => candidate === name);
    assert.match(second, /^veth[0-9a-f]{11}$/);
    assert.notEqual(second, name);
  });

  it('make a MAC of the IPv4 address, or of the only one', () => {
    const v4 = { family: 4, value: 0x0af40007n } as const;
    const v6 = { family: 6, value: 0xfd00_0000_0000_0000_0000_0000_0000_0007n } as const;
    assert.equal(derivePodMac([v6, v4]), '0a:58:0a:f4:00:07');
    assert.match(derivePodMac([v6]), /^0a:58(:[0-9a-f]{2}){4}$/);
    assert.notEqual(derivePodMac([v6]), derivePodMac([{ ...v6, value: v6.value + 1n }]));
  });
});
