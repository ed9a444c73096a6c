import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventRecorder, RecordedEvent } from '../kube/event-recorder.ts';
import { ManualClock } from '../kube/manual-clock.ts';
import type { Finding } from '../plan/finding.ts';
import { FindingReporter } from './finding-reporter.ts';
import { Readiness } from './readiness.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const forward: Finding = { severity: 'warning', code: 'forward-dropped', subject: 'n', message: 'it drops' };
const unreachable = (node: number): Finding => ({
  severity: 'warning',
  code: 'peer-unreachable',
  subject: `node-${node}`,
  message: `there is no path to node-${node}`,
});

function reporter() {
  const events: RecordedEvent[] = [];
  const recorder = {
    record: (_: unknown, event: RecordedEvent) => void events.push(event),
  } as unknown as EventRecorder;
  const readiness = new Readiness(['plan', 'ranges', 'forwarding']);
  const clock = new ManualClock();
  return {
    events,
    readiness,
    clock,
    reporter: new FindingReporter({ node: 'n', readiness, events: recorder, log: silent, clock }),
  };
}

describe('finding reporter', () => {
  it('tells once what appears, and anew what comes back', () => {
    const { events, readiness, reporter: told } = reporter();
    told.report([forward], [], []);
    told.report([forward], [], []);
    assert.deepEqual(events, [{ type: 'Warning', reason: 'ForwardDropped', message: 'it drops' }]);
    assert.equal(readiness.list().find(({ name }) => name === 'forwarding')?.state, 'warning');
    told.report([], [], []);
    told.report([forward], [], []);
    assert.equal(events.length, 2);
  });

  it('waits for what a starting cluster goes through by itself', () => {
    const { events, clock, reporter: told } = reporter();
    told.report([unreachable(1), unreachable(2)], [], []);
    clock.advance(14_000);
    told.report([unreachable(1)], [], []);
    assert.equal(events.length, 0);
    clock.advance(1_000);
    told.report([unreachable(1), unreachable(2)], [], []);
    assert.deepEqual(
      events.map(({ message }) => message),
      ['there is no path to node-1'],
    );
  });

  it('names a few findings in a condition, however many there are', () => {
    const { readiness, reporter: told } = reporter();
    told.report(
      Array.from({ length: 50 }, (_, node) => unreachable(node)),
      [],
      [],
    );
    assert.match(readiness.format(), /node-0; there is no path to node-1; there is no path to node-2; and 47 more/);
  });
});
