import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { formatAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import { AddressStore } from './address-store.ts';
import { runCutOff } from './disk-cut.ts';

const prefixes = [parsePrefix('10.0.0.0/29'), parsePrefix('fd00::/64')];
const before = { containerId: 'before', interfaceName: 'eth0' };
const crashing = { containerId: 'crashing', interfaceName: 'eth0' };

/** What must hold of the directory at any instant: every file that bears an address is whole. */
function checkComplete(directory: string): void {
  for (const name of fs.readdirSync(directory).filter((entry) => !entry.startsWith('.') && entry !== 'lock'))
    assert.match(
      fs.readFileSync(path.join(directory, name), 'utf8'),
      /^(before|crashing)\r\neth0$|^10\.0\.0\.\d$|^fd00::\d$/,
    );
}

/** Cuts an operation off after 0, 1, 2, … changes until it runs through, and checks the store after each. */
async function cutEverywhere(
  prepare: (store: AddressStore) => Promise<unknown>,
  operate: (store: AddressStore) => Promise<unknown>,
): Promise<number> {
  for (let survived = 0; ; survived++) {
    const root = fs.mkdtempSync(path.join(tmpdir(), 'flatnet-crash-'));
    try {
      const directory = path.join(root, 'flatnet');
      await prepare(new AddressStore({ directory }));
      const complete = await runCutOff(survived, () => operate(new AddressStore({ directory })));
      checkComplete(directory);
      const restarted = new AddressStore({ directory });
      const held = await restarted.list();
      assert.equal(new Set(held.map(({ address }) => formatAddress(address))).size, held.length);
      assert.ok(held.every(({ owner }) => owner !== undefined));
      // Nothing is lost: the dead one's addresses can be freed by its name, and all can be given out again.
      await restarted.release(crashing);
      await restarted.releaseLeaked(() => false);
      assert.deepEqual(
        fs.readdirSync(directory).filter((name) => name.startsWith('.')),
        [],
      );
      assert.deepEqual(
        (await restarted.list()).map(({ owner }) => owner),
        [before, before],
      );
      const others = ['a', 'b', 'c', 'd'].map((containerId) => ({ containerId, interfaceName: 'eth0' }));
      for (const other of others) await restarted.allocate(other, prefixes);
      assert.equal((await restarted.list()).length, 10);
      if (complete) return survived;
    } finally {
      fs.rmSync(root, { recursive: true });
    }
  }
}

describe('AddressStore cut off at any instant', () => {
  it('loses and doubles nothing while it gives out', async () => {
    const cuts = await cutEverywhere(
      (store) => store.allocate(before, prefixes),
      (store) => store.allocate(crashing, prefixes),
    );
    assert.ok(cuts >= 11, `${cuts} changes were cut, fewer than an allocation makes`);
  });

  it('loses and doubles nothing while it releases', async () => {
    const cuts = await cutEverywhere(
      async (store) => {
        await store.allocate(before, prefixes);
        await store.allocate(crashing, prefixes);
      },
      (store) => store.release(crashing),
    );
    assert.ok(cuts >= 2, `${cuts} changes were cut, fewer than a release makes`);
  });
});
