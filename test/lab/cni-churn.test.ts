import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { LabUser, until } from './lab-fixture.ts';

const CHURN = path.join(import.meta.dirname, 'cni-churn.ts');

describe('an agent that is killed at random', () => {
  it('accounts for every address after a thousand ADDs and DELs', async (t) => {
    const lab = await new LabUser(t).startBareLab();
    await until(
      'the host is ready for pods',
      () => lab.exec('node/node-1', 'test', '-e', '/etc/cni/net.d/10-flatnet.conflist').status === 0,
    );
    const { status, stdout, stderr } = lab.exec('node/node-1', process.execPath, CHURN, '1000');
    assert.equal(status, 0, stderr);
    const { added, deleted, forgotten, kills } = JSON.parse(stdout);
    t.diagnostic(stdout.trim());
    assert.ok(added > 100 && deleted > 100 && forgotten > 0 && kills > 0, stdout);
  });
});
