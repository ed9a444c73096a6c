import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fc } from '#fast-check';
import { formatAddress, parseAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { loadLibc } from '../kernel/libc.ts';
import { AddressStore } from './address-store.ts';

/** `sys/file.h` */
const LOCK_EX = 2;

const v4 = parsePrefix('10.244.3.0/28');
const v6 = parsePrefix('fd00:10:244:3::/64');

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-ipam-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return path.join(directory, 'flatnet');
}

const owner = (number: number) => ({ containerId: `container${number}`, interfaceName: 'eth0' });

describe('AddressStore', () => {
  it("writes host-local's layout", async (t) => {
    const directory = makeDirectory(t);
    const addresses = await new AddressStore({ directory }).allocate(owner(1), [v4, v6]);
    assert.deepEqual(addresses.map(formatAddress), ['10.244.3.2', 'fd00:10:244:3::2']);
    const files = Object.fromEntries(
      readdirSync(directory).map((name) => [name, readFileSync(path.join(directory, name), 'utf8')]),
    );
    assert.deepEqual(files, {
      '10.244.3.2': 'container1\r\neth0',
      'fd00:10:244:3::2': 'container1\r\neth0',
      'last_reserved_ip.0': '10.244.3.2',
      'last_reserved_ip.1': 'fd00:10:244:3::2',
      lock: '',
    });
  });

  it('respects and releases what host-local wrote, an interface name or not', async (t) => {
    const directory = makeDirectory(t);
    mkdirSync(directory);
    writeFileSync(path.join(directory, '10.244.3.2'), 'old');
    writeFileSync(path.join(directory, '10.244.3.3'), 'new\r\neth0');
    writeFileSync(path.join(directory, '10.244.3.4'), 'new\r\nnet1');
    writeFileSync(path.join(directory, 'last_reserved_ip.0'), '10.244.3.14');
    const store = new AddressStore({ directory });
    assert.deepEqual((await store.allocate(owner(1), [v4])).map(formatAddress), ['10.244.3.5']);
    const release = async (containerId: string) =>
      (await store.release({ containerId, interfaceName: 'eth0' })).map(formatAddress);
    assert.deepEqual(await release('old'), ['10.244.3.2']);
    assert.deepEqual(await release('new'), ['10.244.3.3']);
    assert.deepEqual(await release('nobody'), []);
    assert.equal((await store.list()).length, 2);
  });

  it('gives the addresses asked for, and says why it cannot', async (t) => {
    const store = new AddressStore({ directory: makeDirectory(t) });
    const ask = (number: number, ...texts: string[]) =>
      store.allocate(owner(number), [v4, v6], { requested: texts.map(parseAddress) });
    assert.deepEqual((await ask(1, '10.244.3.9')).map(formatAddress), ['10.244.3.9', 'fd00:10:244:3::2']);
    await assert.rejects(ask(2, '10.244.3.9'), (error) => isFlatnetError(error, 'conflict'));
    for (const unfit of ['10.244.4.9', '10.244.3.0', '10.244.3.1', '10.244.3.15', 'fd00:10:244:3::1'])
      await assert.rejects(ask(2, unfit), (error) => isFlatnetError(error, 'invalid'));
    await assert.rejects(ask(2, '10.244.3.4', '10.244.3.5'), /10.244.3.4 and 10.244.3.5 were asked for/);
    assert.equal((await store.list()).length, 2);
  });

  it('gives nothing of one family where the other has run out', async (t) => {
    const store = new AddressStore({ directory: makeDirectory(t) });
    for (let number = 0; number < 13; number++) await store.allocate(owner(number), [v4]);
    assert.equal(await store.available(v4), 0n);
    await assert.rejects(
      store.allocate(owner(13), [v6, v4]),
      (error) => isFlatnetError(error, 'exhausted') && /all 13 pod addresses of 10.244.3.0\/28/.test(error.message),
    );
    assert.equal((await store.list()).length, 13);
    await store.release(owner(5));
    assert.equal(await store.available(v4), 1n);
    assert.deepEqual((await store.allocate(owner(13), [v4])).map(formatAddress), ['10.244.3.7']);
  });

  it('releases what is leaked, by owner or age', async (t) => {
    const directory = makeDirectory(t);
    const store = new AddressStore({ directory });
    for (let number = 0; number < 3; number++) await store.allocate(owner(number), [v4]);
    utimesSync(path.join(directory, '10.244.3.3'), 0, 0);
    writeFileSync(path.join(directory, '.10.244.3.9.0123456789ab.tmp'), '');
    const freed = await store.releaseLeaked(
      (reservation) => reservation.owner?.containerId === 'container0' || reservation.reservedAt === 0,
    );
    assert.deepEqual(freed.map(({ address }) => formatAddress(address)).sort(), ['10.244.3.2', '10.244.3.3']);
    assert.deepEqual(readdirSync(directory).sort(), ['10.244.3.4', 'last_reserved_ip.0', 'lock']);
  });

  it('gives 60 callers at once, of two stores on one directory, an address each', async (t) => {
    const directory = makeDirectory(t);
    const prefix = parsePrefix('10.244.3.0/24');
    const [first, second] = [1, 2].map(() => new AddressStore({ directory, lockTimeout: 60_000 }));
    assert.ok(first !== undefined && second !== undefined);
    const given = await Promise.all(
      Array.from({ length: 60 }, (_, number) => (number % 2 === 0 ? first : second).allocate(owner(number), [prefix])),
    );
    assert.equal(new Set(given.flat().map(formatAddress)).size, 60);
  });

  it('waits for a lock that another holds, and gives up with its name', async (t) => {
    const directory = makeDirectory(t);
    mkdirSync(directory);
    const held = openSync(path.join(directory, 'lock'), constants.O_CREAT | constants.O_RDONLY);
    assert.equal(loadLibc().flock(held, LOCK_EX), 0);
    await assert.rejects(
      new AddressStore({ directory, lockTimeout: 10 }).allocate(owner(1), [v4]),
      (error) => isFlatnetError(error, 'timeout') && error.message.includes(`${directory}/lock`),
    );
    const patient = new AddressStore({ directory, lockTimeout: 60_000 }).allocate(owner(1), [v4]);
    closeSync(held);
    assert.deepEqual((await patient).map(formatAddress), ['10.244.3.2']);
  });

  it('behaves as its model over any sequence', async (t) => {
    const root = makeDirectory(t);
    mkdirSync(root);
    let run = 0;
    const step = fc.record({ number: fc.integer({ min: 0, max: 8 }), allocate: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await checkAgainstModel(path.join(root, String(run++)), steps);
      }),
      { numRuns: 40 },
    );
  });
});

/** The model: a ring of five addresses, a hand that points at the one given last, and who holds which. */
async function checkAgainstModel(
  directory: string,
  steps: readonly { readonly number: number; readonly allocate: boolean }[],
): Promise<void> {
  const prefix = parsePrefix('10.0.0.0/29');
  const ring = [2, 3, 4, 5, 6].map((last) => `10.0.0.${last}`);
  const held = new Map<string, number>();
  let hand = ring.length - 1;
  // A fresh store each time: nothing but the directory remembers.
  for (const { number, allocate } of steps) {
    const store = new AddressStore({ directory });
    if (!allocate) {
      const mine = ring.filter((address) => held.get(address) === number);
      assert.deepEqual((await store.release(owner(number))).map(formatAddress).sort(), mine);
      for (const address of mine) held.delete(address);
      continue;
    }
    const order = ring.map((_, step) => (hand + 1 + step) % ring.length);
    const next = order.find((index) => !held.has(ring[index] ?? ''));
    if (next === undefined)
      await assert.rejects(store.allocate(owner(number), [prefix]), (error) => isFlatnetError(error, 'exhausted'));
    else {
      assert.deepEqual((await store.allocate(owner(number), [prefix])).map(formatAddress), [ring[next]]);
      held.set(ring[next] ?? '', number);
      hand = next;
    }
    assert.equal(await store.available(prefix), BigInt(ring.length - held.size));
  }
}
