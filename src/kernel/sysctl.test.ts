import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { readIntegerSysctl, readSysctl, sysctlKey, sysctlPath, writeSysctl } from './sysctl.ts';

describe('sysctl', () => {
  it('finds the file of a key, dots in device names included', () => {
    assert.equal(sysctlPath('net.ipv4.ip_forward'), '/proc/sys/net/ipv4/ip_forward');
    assert.equal(sysctlPath('net.ipv4.conf.eth0/1.rp_filter'), '/proc/sys/net/ipv4/conf/eth0.1/rp_filter');
  });

  it('takes a path back to its key', () => {
    const part = fc.stringMatching(/^[a-z0-9_-][a-z0-9_./-]{0,8}$/).map((text) => text.replaceAll('.', '/'));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        assert.equal(sysctlKey(sysctlPath(parts.join('.'))), parts.join('.'));
      }),
    );
  });

  it('never leaves /proc/sys', () => {
    for (const key of ['', 'net..ipv4', '//', 'net.//.x', 'net./.x'])
      assert.throws(
        () => sysctlPath(key),
        (error) => isFlatnetError(error, 'invalid'),
        key,
      );
  });

  it('reads values, and knows keys that the kernel hasn’t', () => {
    assert.match(readSysctl('kernel.osrelease') ?? '', /^\d+\.\d+/);
    assert.equal(typeof readIntegerSysctl('net.ipv4.conf.all.rp_filter'), 'number');
    assert.equal(readSysctl('net.ipv4.no_such_key'), undefined);
    assert.throws(
      () => readIntegerSysctl('kernel.osrelease'),
      (error) => isFlatnetError(error, 'io'),
    );
    assert.throws(
      () => writeSysctl('net.ipv4.no_such_key', '1'),
      (error) => isFlatnetError(error, 'not-found'),
    );
  });
});
