import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainIsolationFailure, isolationArguments, mayMakeNamespaces } from './lab-isolation.ts';

const DENIED = 'unshare: unshare failed: Operation not permitted\n';

describe('the isolation of a lab', () => {
  it('needs a user namespace without CAP_SYS_ADMIN and CAP_NET_ADMIN', () => {
    assert.equal(mayMakeNamespaces('CapEff:\t000001ffffffffff\n'), true);
    assert.equal(mayMakeNamespaces('CapEff:\t0000000000201000\n'), true);
    assert.equal(mayMakeNamespaces('CapEff:\t0000000000200000\n'), false);
    assert.equal(mayMakeNamespaces('CapEff:\t0000000000000000\n'), false);
    assert.ok(!isolationArguments(true).includes('--user'));
    assert.ok(isolationArguments(false).includes('--map-root-user'));
  });

  it('names each sysctl that forbids user namespaces, and its remedy', () => {
    const files = new Map([
      ['/proc/sys/user/max_user_namespaces', '0\n'],
      ['/proc/sys/kernel/unprivileged_userns_clone', '1\n'],
      ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1\n'],
    ]);
    const error = explainIsolationFailure(DENIED, false, (file) => files.get(file));
    assert.equal(error.code, 'unsupported');
    assert.match(error.message, /max_user_namespaces.*apparmor_restrict_unprivileged_userns/);
    assert.doesNotMatch(error.message, /unprivileged_userns_clone/);
    assert.match(error.remedy ?? '', /sysctl -w user\.max_user_namespaces=\d+; sysctl -w kernel\.apparmor/);
  });

  it('tells what unshare said where no sysctl is to blame', () => {
    const error = explainIsolationFailure(DENIED, false, () => undefined);
    assert.match(error.message, /unshare failed: Operation not permitted/);
    assert.match(explainIsolationFailure(DENIED, true, () => undefined).remedy ?? '', /--privileged/);
  });
});
