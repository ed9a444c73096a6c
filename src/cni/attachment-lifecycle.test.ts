import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { formatAddress } from '../address/address.ts';
import { runCutOff } from '../ipam/disk-cut.ts';
import { configurationOf, environmentOf, ServiceFixture } from './service-fixture.ts';

async function ask(fixture: ServiceFixture, command: string, containerId: string): Promise<number> {
  const { service } = fixture.start();
  const request = { environment: environmentOf(command, containerId), stdin: configurationOf('1.0.0') };
  return (await service.handle(request)).exit;
}

/** The addresses reserved, by container. */
async function reserved(fixture: ServiceFixture): Promise<Record<string, string[]>> {
  const held: Record<string, string[]> = {};
  for (const { address, owner } of await fixture.addresses.list()) {
    const containerId = owner?.containerId ?? '';
    held[containerId] = [...(held[containerId] ?? []), formatAddress(address)].sort();
  }
  return held;
}

/** The addresses attached, by container. */
function attached(fixture: ServiceFixture): Record<string, string[]> {
  return Object.fromEntries(
    fixture
      .start()
      .lifecycle.attached()
      .map(({ containerId, addresses }) => [containerId, addresses.map(formatAddress).sort()]),
  );
}

/** Cuts a command off after 0, 1, 2, … changes to the disk, restarts, and compares what is held with what is attached. */
async function cutEverywhere(t: TestContext, command: string): Promise<number> {
  for (let survived = 0; ; survived++) {
    const fixture = new ServiceFixture(t);
    for (const id of ['other', 'pod']) fixture.addNamespace(id);
    await ask(fixture, 'ADD', 'other');
    if (command === 'DEL') await ask(fixture, 'ADD', 'pod');
    let exit: number | undefined;
    await runCutOff(survived, async () => {
      exit = await ask(fixture, command, 'pod');
    });
    const { failures } = await fixture.start().lifecycle.reclaim();
    assert.deepEqual(failures, []);
    assert.deepEqual(await reserved(fixture), attached(fixture), `${command} cut after ${survived} changes`);
    // What is attached and not wired, the node's next reconciliation wires; nothing would unwire the reverse.
    if (fixture.network.wired.size === 2) assert.ok('pod' in attached(fixture));
    assert.equal(await ask(fixture, 'DEL', 'pod'), 0);
    assert.deepEqual(Object.keys(await reserved(fixture)), ['other']);
    assert.deepEqual(
      [...fixture.network.wired.values()].map(({ containerId }) => containerId),
      ['other'],
    );
    assert.equal(readdirSync(path.join(fixture.directory, 'attachments')).length, 1);
    if (exit === 0) return survived;
  }
}

describe('an attachment cut off at any instant', () => {
  it('leaves no address reserved that nothing bears, while it comes', async (t) => {
    const cuts = await cutEverywhere(t, 'ADD');
    assert.ok(cuts >= 14, `${cuts} changes were cut`);
  });

  it('leaves no address reserved that nothing bears, while it goes', async (t) => {
    const cuts = await cutEverywhere(t, 'DEL');
    assert.ok(cuts >= 4, `${cuts} changes were cut`);
  });
});

describe('reclaim', () => {
  it('leaves what lives alone', async (t) => {
    const fixture = new ServiceFixture(t);
    fixture.addNamespace('pod');
    await ask(fixture, 'ADD', 'pod');
    assert.deepEqual(await fixture.start().lifecycle.reclaim(), { attachments: [], addresses: [], failures: [] });
  });

  it('frees what a reboot ended, though paths and inodes are the same again', async (t) => {
    const fixture = new ServiceFixture(t);
    fixture.addNamespace('pod');
    await ask(fixture, 'ADD', 'pod');
    fixture.network.wired.clear();
    fixture.boot = 'second boot';
    const { attachments } = await fixture.start().lifecycle.reclaim();
    assert.deepEqual(
      attachments.map(({ containerId }) => containerId),
      ['pod'],
    );
    assert.deepEqual(
      fixture.network.detached.map(({ namespacePath }) => namespacePath),
      [undefined],
      'another pod may be in the namespace of that path',
    );
    assert.deepEqual(await reserved(fixture), {});
  });

  it('lets a container that is started again after a reboot have its interface anew', async (t) => {
    const fixture = new ServiceFixture(t);
    fixture.addNamespace('pod');
    await ask(fixture, 'ADD', 'pod');
    fixture.boot = 'second boot';
    assert.equal(await ask(fixture, 'ADD', 'pod'), 0);
    assert.deepEqual(await reserved(fixture), { pod: ['10.244.3.3', 'fd00:10:244:3::3'] });
  });

  it('frees what was never deleted, once the namespace has gone and the link with it', async (t) => {
    const fixture = new ServiceFixture(t);
    fixture.addNamespace('pod');
    await ask(fixture, 'ADD', 'pod');
    fixture.namespaces.clear();
    assert.deepEqual((await fixture.start().lifecycle.reclaim()).attachments, [], 'the link is still there');
    fixture.network.wired.clear();
    assert.equal((await fixture.start().lifecycle.reclaim()).attachments.length, 1);
    assert.deepEqual(await reserved(fixture), {});
  });

  it('goes on after a failure, tells it, and succeeds later', async (t) => {
    const fixture = new ServiceFixture(t);
    for (const id of ['stuck', 'free']) {
      fixture.addNamespace(id);
      await ask(fixture, 'ADD', id);
    }
    fixture.boot = 'second boot';
    fixture.network.before = async (_step, id) => {
      if (id === 'stuck') throw new Error('stuck');
    };
    const first = await fixture.start().lifecycle.reclaim();
    assert.deepEqual([first.attachments.length, first.failures.length], [1, 1]);
    assert.deepEqual(Object.keys(await reserved(fixture)), ['stuck']);
    fixture.network.before = async () => {};
    await fixture.start().lifecycle.reclaim();
    assert.deepEqual(await reserved(fixture), {});
  });

  it("frees host-local's addresses from before the kernel booted, and no others", async (t) => {
    const fixture = new ServiceFixture(t);
    const directory = path.join(fixture.directory, 'networks/flatnet');
    mkdirSync(directory, { recursive: true });
    for (const [name, seconds] of [
      ['10.244.3.2', 1000],
      ['10.244.3.3', 3000],
    ] as const) {
      writeFileSync(path.join(directory, name), 'old\r\neth0');
      utimesSync(path.join(directory, name), seconds, seconds);
    }
    fixture.bootedAt = 2_000_000;
    await fixture.start().lifecycle.reclaim();
    assert.deepEqual(await reserved(fixture), { old: ['10.244.3.3'] });
  });
});
