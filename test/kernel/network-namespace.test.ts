import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../../src/error/flatnet-error.ts';
import {
  createNamedNamespace,
  identifyNamespace,
  identifyOwnNamespace,
  NetworkNamespace,
  removeNamedNamespace,
} from '../../src/kernel/network-namespace.ts';
import { newNamespace, runIn } from '../namespace.ts';

const own = () => statSync('/proc/thread-self/ns/net').ino;
const devices = () => readFileSync('/proc/thread-self/net/dev', 'utf8').match(/\S+(?=:)/g);

describe('NetworkNamespace', () => {
  it('runs an action inside and comes back, from nested runs and from errors too', (t) => {
    const home = own();
    const [first, second] = [newNamespace(t), newNamespace(t)];
    runIn(first, 'ip', 'link', 'add', 'inside', 'type', 'bridge');
    const seen = first.run(() => {
      const outer = own();
      const inner = second.run(own);
      assert.equal(own(), outer);
      return { outer, inner, devices: devices() };
    });
    assert.deepEqual(seen, { outer: first.inode, inner: second.inode, devices: ['lo', 'inside'] });
    assert.throws(
      () =>
        first.run(() => {
          throw new Error('on purpose');
        }),
      /on purpose/,
    );
    assert.equal(own(), home);
    assert.equal(NetworkNamespace.current().inode, home);
  });

  it('refuses an asynchronous action', (t) => {
    const namespace = newNamespace(t);
    assert.throws(
      () => namespace.run(async () => 1),
      (error) => isFlatnetError(error, 'invalid'),
    );
  });

  it('is found by the path that it is mounted on, until it is removed', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-netns-'));
    const file = path.join(directory, 'netns', 'pod');
    using created = createNamedNamespace(file);
    {
      using opened = NetworkNamespace.open(file);
      assert.equal(opened.identity, created.identity);
    }
    assert.equal(identifyNamespace(file), created.identity);
    assert.equal(created.run(identifyOwnNamespace), created.identity);
    assert.throws(() => createNamedNamespace(file), { code: 'EEXIST' });
    removeNamedNamespace(file);
    assert.equal(existsSync(file), false);
    assert.equal(identifyNamespace(file), undefined);
    assert.throws(
      () => NetworkNamespace.open(file),
      (error) => isFlatnetError(error, 'not-found'),
    );
    rmSync(directory, { recursive: true });
  });

  it('knows a file that nothing is mounted on', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-netns-'));
    const file = path.join(directory, 'stale');
    writeFileSync(file, '');
    assert.equal(identifyNamespace(file), undefined);
    assert.throws(
      () => NetworkNamespace.open(file),
      (error) => isFlatnetError(error, 'not-found'),
    );
    rmSync(directory, { recursive: true });
  });
});
