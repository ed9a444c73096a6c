import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { formatAddress } from '../address/address.ts';
import { arbitraryAddress } from '../address/arbitrary.ts';
import { CniError } from './cni-error.ts';
import { type CniResult, parseResult, renderResult } from './result.ts';
import { CNI_VERSIONS } from './version.ts';

const options = { noNullPrototype: true } as const;
const address = arbitraryAddress.map(formatAddress);
const result: fc.Arbitrary<CniResult> = fc.record(
  {
    interfaces: fc.array(
      fc.record(
        { name: fc.string(), mac: fc.string(), mtu: fc.nat(), sandbox: fc.string() },
        { ...options, requiredKeys: ['name'] },
      ),
    ),
    ips: fc.array(
      fc.record(
        { address: address.map((text) => `${text}/24`), gateway: address, interface: fc.nat() },
        { ...options, requiredKeys: ['address'] },
      ),
    ),
    routes: fc.array(
      fc.record(
        { dst: address.map((text) => `${text}/32`), gw: address, mtu: fc.nat() },
        { ...options, requiredKeys: ['dst'] },
      ),
    ),
    dns: fc.constantFrom({}, { nameservers: ['10.96.0.10'], search: ['svc.cluster.local'] }),
  },
  options,
);

function without110(value: CniResult): CniResult {
  return {
    ...value,
    interfaces: value.interfaces.map(({ mtu: _, ...rest }) => rest),
    routes: value.routes.map(({ mtu: _, ...rest }) => rest),
  };
}

describe('CNI result', () => {
  it('reads what it renders in every version, less what an old version does not know', () => {
    fc.assert(
      fc.property(result, fc.constantFrom(...CNI_VERSIONS), (drawn, version) => {
        const rendered = renderResult(drawn, version);
        const expected = version === '1.1.0' ? drawn : without110(drawn);
        assert.deepEqual(parseResult(JSON.parse(JSON.stringify(rendered)), version), expected);
      }),
    );
  });

  it('tells the family of addresses before 1.0.0, and not after', () => {
    const ips = [{ address: '10.0.0.2/24' }, { address: 'fd00::2/64', interface: 0 }];
    for (const version of CNI_VERSIONS) {
      const rendered = renderResult({ interfaces: [], ips, routes: [], dns: {} }, version);
      const old = version === '0.3.1' || version === '0.4.0';
      assert.deepEqual(
        rendered.ips,
        old
          ? [
              { version: '4', ...ips[0] },
              { version: '6', ...ips[1] },
            ]
          : ips,
      );
    }
  });

  it('takes null for none, as Go prints it, and keeps what it does not know', () => {
    const parsed = parseResult(
      { cniVersion: '0.4.0', interfaces: null, ips: [{ version: '4', address: '10.0.0.2/24', label: 'x' }], dns: null },
      '1.0.0',
    );
    assert.deepEqual(parsed, {
      interfaces: [],
      ips: [{ address: '10.0.0.2/24', label: 'x' }],
      routes: [],
      dns: {},
    });
  });

  it('refuses what is no result, and versions that it does not speak', () => {
    for (const [value, kind] of [
      [{ ips: [{ gateway: '10.0.0.1' }] }, 'decoding'],
      ['text', 'decoding'],
      [{ cniVersion: '0.2.0' }, 'incompatible version'],
    ] as const)
      assert.throws(
        () => parseResult(value, '1.0.0'),
        (error) => error instanceof CniError && error.kind === kind,
      );
  });
});
