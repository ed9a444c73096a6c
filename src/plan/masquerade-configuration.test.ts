import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryPrefix } from '../address/arbitrary.ts';
import { formatPrefix } from '../address/prefix.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { formatMasqueradeConfiguration, parseMasqueradeConfiguration } from './masquerade-configuration.ts';

describe('the configuration of ip-masq-agent', () => {
  it('round-trips', () => {
    const configuration = fc.record(
      {
        nonMasqueradeCIDRs: fc.array(arbitraryPrefix, { maxLength: 4 }),
        masqLinkLocal: fc.boolean(),
        masqLinkLocalIPv6: fc.boolean(),
        resyncInterval: fc.constantFrom('60s', '1h'),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(configuration, (one) =>
        assert.deepEqual(parseMasqueradeConfiguration(formatMasqueradeConfiguration(one)), one),
      ),
    );
  });

  it('is the same in YAML and JSON', () => {
    const yaml = parseMasqueradeConfiguration('nonMasqueradeCIDRs:\n  - 10.0.0.0/8\nmasqLinkLocal: true\n');
    const json = parseMasqueradeConfiguration('{"nonMasqueradeCIDRs": ["10.0.0.0/8"], "masqLinkLocal": true}');
    assert.deepEqual(yaml, json);
    assert.equal(yaml.masqLinkLocal, true);
  });

  it('exempts the private ranges where it does not say, and nothing where it says nothing', () => {
    const cidrs = (text: string) => parseMasqueradeConfiguration(text).nonMasqueradeCIDRs.map(formatPrefix);
    assert.deepEqual(cidrs(''), ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']);
    assert.deepEqual(cidrs('resyncInterval: 60s'), ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']);
    assert.deepEqual(cidrs('nonMasqueradeCIDRs: []'), []);
  });

  it('names the field and the value at fault', () => {
    const fails = (text: string, message: RegExp) =>
      assert.throws(
        () => parseMasqueradeConfiguration(text),
        (error) => isFlatnetError(error, 'invalid') && message.test(error.message),
      );
    fails('nonMasqueradeCIDRs: [10.0.0.0/33]', /nonMasqueradeCIDRs\.0: .*10\.0\.0\.0\/33/);
    fails('nonMasqueradeCIDRs: [10.0.0.1/8]', /host bits/);
    fails('masqLinkLocal: maybe', /masqLinkLocal: .*"maybe"/);
    fails('a: [', /neither YAML nor JSON/);
  });
});
