import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { parseAddress } from '../address/address.ts';
import { arbitraryAddress } from '../address/arbitrary.ts';
import { FAMILY_BITS } from '../address/family.ts';
import { formatBackendAnnouncement, parseAnnouncement, parseBackendAnnouncement } from './announcement.ts';
import { formatFlannelAnnotations, parseFlannelAnnotations } from './flannel-annotation.ts';

const interfaceAddress = arbitraryAddress.chain((address) =>
  fc.integer({ min: 0, max: FAMILY_BITS[address.family] }).map((length) => ({ address, length })),
);

describe('the backend announcement', () => {
  it('round-trips', () => {
    const announcement = fc.record(
      {
        backend: fc.constantFrom('auto' as const, 'host-gw' as const, 'vxlan' as const, 'cloud' as const),
        subnets: fc.array(interfaceAddress, { maxLength: 2 }),
        mtu: fc.integer({ min: 68, max: 65535 }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(announcement, (one) =>
        assert.deepEqual(parseBackendAnnouncement(formatBackendAnnouncement(one)), one),
      ),
    );
  });

  it('is nobody’s where it is not ours, whatever it says', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) =>
        assert.equal(parseAnnouncement({ 'flatnet.io/backend': text }).by, 'nobody'),
      ),
    );
  });
});

describe('flannel annotations', () => {
  it('round-trip', () => {
    const endpoint = (remote: string, family: 4 | 6) =>
      fc.record(
        {
          family: fc.constant(family),
          remote: fc.constant(parseAddress(remote)),
          vni: fc.integer({ min: 1, max: 4095 }),
          mac: fc.constantFrom('8e:0b:33:12:99:21', '02:00:00:00:00:01'),
        },
        { noNullPrototype: true },
      );
    const ipv4 = endpoint('192.0.2.1', 4);
    const ipv6 = endpoint('2001:db8::1', 6);
    fc.assert(
      fc.property(fc.oneof(fc.tuple(ipv4), fc.tuple(ipv6), fc.tuple(ipv4, ipv6)), (endpoints) => {
        const announcement = { type: 'vxlan', addresses: endpoints.map(({ remote }) => remote), endpoints };
        assert.deepEqual(parseFlannelAnnotations(formatFlannelAnnotations(announcement)), announcement);
      }),
    );
  });

  it('are read as flannel writes them', () => {
    const read = parseAnnouncement({
      'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"8E:0B:33:12:99:21"}',
      'flannel.alpha.coreos.com/backend-type': 'vxlan',
      'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
      'flannel.alpha.coreos.com/public-ip': '192.0.2.7',
    });
    const remote = parseAddress('192.0.2.7');
    const endpoints = [{ family: 4, remote, vni: 1, mac: '8e:0b:33:12:99:21' }];
    assert.deepEqual(read, { by: 'flannel', backend: 'vxlan', subnets: [], endpoints });
  });

  it('with data that is broken have no endpoint', () => {
    for (const data of ['null', '{', '{"VNI":1}', '{"VNI":1,"VtepMAC":"x"}', '7']) {
      const read = parseAnnouncement({
        'flannel.alpha.coreos.com/backend-data': data,
        'flannel.alpha.coreos.com/backend-type': 'vxlan',
        'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
        'flannel.alpha.coreos.com/public-ip': '192.0.2.7',
      });
      assert.deepEqual(read.endpoints, [], data);
    }
  });
});
