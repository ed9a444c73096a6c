import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '../../kube/manual-clock.ts';
import { watchProbes } from './container-probes.ts';
import type { Probe, RuntimeContainer } from './pod-spec.ts';

interface Scripted {
  readonly log: string[];
  readonly clock: ManualClock;
  readonly stop: AbortController;
  /** The results of probes yet to come; the last one repeats. */
  readonly results: Map<Probe, boolean[]>;
  readonly finished: Promise<void>;
}

function watch(container: Omit<RuntimeContainer, 'name'>, results: Map<Probe, boolean[]>): Scripted {
  const log: string[] = [];
  const clock = new ManualClock();
  const stop = new AbortController();
  const finished = watchProbes({
    container: { name: 'main', ...container },
    clock,
    signal: stop.signal,
    run: async (probe) => {
      const left = results.get(probe) ?? [];
      const success = (left.length > 1 ? left.shift() : left[0]) ?? true;
      return { success, message: success ? '' : 'no' };
    },
    onStarted: () => log.push('started'),
    onReady: (ready) => log.push(ready ? 'ready' : 'unready'),
    onUnhealthy: (kind) => log.push(`${kind} failed`),
    onDead: async (kind) => void log.push(`dead by ${kind}`),
  });
  return { log, clock, stop, results, finished };
}

async function pass({ clock }: Scripted, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1000);
    // Lets everything that was woken come to its next sleep.
    await setImmediate();
  }
}

describe('the probes of a container', () => {
  it('make it ready after the first success and unready after enough failures', async () => {
    const readinessProbe: Probe = { initialDelaySeconds: 2, periodSeconds: 1, failureThreshold: 2 };
    const probed = watch(
      { readinessProbe },
      new Map([[readinessProbe, [false, true, true, false, true, false, false, true]]]),
    );
    await pass(probed, 12);
    probed.stop.abort();
    await probed.finished;
    const changes = probed.log.filter((line) => line !== 'Readiness failed');
    assert.deepEqual(changes, ['ready', 'unready', 'ready']);
  });

  it('end it after enough failures of liveness, not before', async () => {
    const livenessProbe: Probe = { periodSeconds: 1, failureThreshold: 3 };
    const probed = watch(
      { livenessProbe },
      new Map([[livenessProbe, [true, false, false, true, false, false, false]]]),
    );
    await pass(probed, 8);
    await probed.finished;
    assert.equal(probed.log.at(-1), 'dead by liveness');
    assert.equal(probed.log.filter((line) => line === 'Liveness failed').length, 5);
  });

  it('wait for startup', async () => {
    const startupProbe: Probe = { periodSeconds: 1, failureThreshold: 9 };
    const readinessProbe: Probe = { periodSeconds: 1 };
    const results = new Map([[startupProbe, [false, false, true]]]);
    const probed = watch({ startupProbe, readinessProbe }, results);
    await pass(probed, 5);
    probed.stop.abort();
    await probed.finished;
    assert.deepEqual(probed.log, ['Startup failed', 'Startup failed', 'started', 'ready']);
  });

  it('give up a container that never starts', async () => {
    const startupProbe: Probe = { periodSeconds: 1, failureThreshold: 2 };
    const probed = watch({ startupProbe, livenessProbe: {} }, new Map([[startupProbe, [false]]]));
    await pass(probed, 4);
    await probed.finished;
    assert.deepEqual(probed.log, ['Startup failed', 'Startup failed', 'dead by startup']);
  });
});
