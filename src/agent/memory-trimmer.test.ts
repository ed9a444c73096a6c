import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../kube/manual-clock.ts';
import { MemoryTrimmer } from './memory-trimmer.ts';

/** And lets whoever is woken go on. */
async function advance(clock: ManualClock, milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  await new Promise((resolve) => setImmediate(resolve));
}

describe('MemoryTrimmer', () => {
  it('trims once the agent has settled, and again when it has grown', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    let bytes = 90e6;
    let trims = 0;
    const trim = () => {
      trims++;
      bytes = 45e6;
    };
    const ended = new MemoryTrimmer({ clock, signal: stop.signal, resident: () => bytes, trim }).run();
    await advance(clock, 39_999);
    assert.equal(trims, 0);
    await advance(clock, 1);
    assert.equal(trims, 1);
    bytes = 60e6;
    await advance(clock, 60_000);
    assert.equal(trims, 1);
    bytes = 62e6;
    await advance(clock, 119_999);
    assert.equal(trims, 1);
    await advance(clock, 1);
    assert.equal(trims, 2);
    stop.abort();
    await ended;
  });

  it('waits until a start has settled, but not for ever', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    let trims = 0;
    const trimmer = new MemoryTrimmer({ clock, signal: stop.signal, resident: () => 90e6, trim: () => trims++ });
    const ended = trimmer.run();
    for (let second = 0; second < 150; second += 10) {
      await advance(clock, 10_000);
      trimmer.putOff();
      assert.equal(trims, 0, `${second} s`);
    }
    await advance(clock, 10_000);
    assert.equal(trims, 1);
    trimmer.putOff();
    await advance(clock, 60_000);
    assert.equal(trims, 1, 'it has not grown');
    stop.abort();
    await ended;
  });

  it('waits until a load has settled', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    let bytes = 90e6;
    let trims = 0;
    const trim = () => trims++;
    const trimmer = new MemoryTrimmer({ clock, signal: stop.signal, resident: () => bytes, trim });
    const ended = trimmer.run();
    await advance(clock, 30_000);
    trimmer.expectLeftovers();
    await advance(clock, 0);
    await advance(clock, 39_999);
    assert.equal(trims, 0);
    await advance(clock, 1);
    assert.equal(trims, 1);
    bytes = 150e6;
    trimmer.expectLeftovers();
    await advance(clock, 0);
    await advance(clock, 40_000);
    assert.equal(trims, 2);
    stop.abort();
    await ended;
  });
});
