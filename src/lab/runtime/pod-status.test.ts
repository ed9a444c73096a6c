import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerRecord, ContainerState } from './container-record.ts';
import { mergeConditions, type PodObservation, podPhase, podStatus } from './pod-status.ts';

const WAITING: ContainerState = { kind: 'waiting', reason: 'ContainerCreating' };
const RUNNING: ContainerState = { kind: 'running', startedAt: 1000 };

function terminated(exitCode: number): ContainerState & { kind: 'terminated' } {
  const reason = exitCode === 0 ? 'Completed' : 'Error';
  return { kind: 'terminated', exitCode, reason, startedAt: 1000, finishedAt: 2000, containerId: 'c' };
}

function record(state: ContainerState, more: Partial<ContainerRecord> = {}): ContainerRecord {
  const running = state.kind === 'running';
  return {
    name: 'main',
    image: 'image',
    state,
    restartCount: 0,
    started: running,
    ready: running,
    standIn: false,
    sidecar: false,
    ...more,
  };
}

function observation(containers: readonly ContainerRecord[], more: Partial<PodObservation> = {}): PodObservation {
  return {
    restartPolicy: 'Always',
    initContainers: [],
    containers,
    addresses: ['10.244.0.2', 'fd00::2'],
    hostAddresses: ['192.0.2.1'],
    readinessGates: [],
    startTime: 0,
    now: 5000,
    ...more,
  };
}

describe('the phase of a pod', () => {
  const phase = (containers: readonly ContainerRecord[], more: Partial<PodObservation> = {}) =>
    podPhase(observation(containers, more));

  it('is Pending until every container has run', () => {
    assert.equal(phase([record(WAITING)]), 'Pending');
    assert.equal(phase([record(RUNNING), record(WAITING)]), 'Pending');
  });

  it('is Running while one runs or will run again', () => {
    assert.equal(phase([record(RUNNING), record(terminated(1))], { restartPolicy: 'Never' }), 'Running');
    const backOff = record({ kind: 'waiting', reason: 'CrashLoopBackOff' }, { lastTermination: terminated(1) });
    assert.equal(phase([backOff]), 'Running');
    assert.equal(phase([record(terminated(1))], { restartPolicy: 'OnFailure' }), 'Running');
    assert.equal(phase([record(terminated(0))]), 'Running');
  });

  it('is Succeeded or Failed when none will', () => {
    assert.equal(phase([record(terminated(0))], { restartPolicy: 'OnFailure' }), 'Succeeded');
    assert.equal(phase([record(terminated(0)), record(terminated(2))], { restartPolicy: 'Never' }), 'Failed');
    assert.equal(phase([record(RUNNING)], { failure: { reason: 'Evicted', message: 'out' } }), 'Failed');
  });

  it('waits for init containers and started sidecars', () => {
    const init = (state: ContainerState, more = {}) => [record(state, { name: 'init', ...more })];
    assert.equal(phase([record(WAITING)], { initContainers: init(RUNNING) }), 'Pending');
    assert.equal(phase([record(RUNNING)], { initContainers: init(terminated(0)) }), 'Running');
    assert.equal(phase([record(WAITING)], { initContainers: init(terminated(1)), restartPolicy: 'Never' }), 'Failed');
    const sidecar = { sidecar: true, started: false };
    assert.equal(phase([record(WAITING)], { initContainers: init(RUNNING, sidecar) }), 'Pending');
    assert.equal(phase([record(RUNNING)], { initContainers: init(RUNNING, { sidecar: true }) }), 'Running');
  });
});

describe('the status of a pod', () => {
  const condition = (given: PodObservation, type: string) =>
    podStatus(given).conditions?.find((one) => one.type === type);

  it('is ready when all containers are', () => {
    assert.equal(condition(observation([record(RUNNING)]), 'Ready')?.status, 'True');
    const unready = observation([record(RUNNING), record(RUNNING, { name: 'slow', ready: false })]);
    assert.deepEqual(condition(unready, 'Ready'), {
      type: 'Ready',
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [slow]',
      lastTransitionTime: '1970-01-01T00:00:05Z',
    });
  });

  it('waits for readiness gates', () => {
    const gates = { readinessGates: ['example.com/gate'] };
    const closed = observation([record(RUNNING)], gates);
    assert.equal(condition(closed, 'ContainersReady')?.status, 'True');
    assert.equal(condition(closed, 'Ready')?.reason, 'ReadinessGatesNotReady');
    const previous = { conditions: [{ type: 'example.com/gate', status: 'True' as const }] };
    const open = observation([record(RUNNING)], { ...gates, previous });
    assert.equal(condition(open, 'Ready')?.status, 'True');
    assert.equal(condition(open, 'example.com/gate')?.status, 'True');
  });

  it('keeps transition times while a condition stays', () => {
    const first = podStatus(observation([record(RUNNING)], { now: 1000 }));
    const second = observation([record(RUNNING)], { now: 9000, previous: first });
    assert.equal(condition(second, 'Ready')?.lastTransitionTime, '1970-01-01T00:00:01Z');
    const third = observation([record(WAITING)], { now: 9000, previous: first });
    assert.equal(condition(third, 'Ready')?.lastTransitionTime, '1970-01-01T00:00:09Z');
  });

  it('names the addresses, the primary one first', () => {
    const { podIP, podIPs, hostIP } = podStatus(observation([record(RUNNING)]));
    assert.deepEqual([podIP, podIPs, hostIP], ['10.244.0.2', [{ ip: '10.244.0.2' }, { ip: 'fd00::2' }], '192.0.2.1']);
    assert.equal('podIP' in podStatus(observation([record(WAITING)], { addresses: [] })), false);
  });

  it('tells the last end of a container that runs again', () => {
    const again = record(RUNNING, { restartCount: 1, lastTermination: terminated(3) });
    const [status] = podStatus(observation([again])).containerStatuses ?? [];
    assert.deepEqual([status?.restartCount, status?.ready], [1, true]);
    assert.deepEqual(status?.state, { running: { startedAt: '1970-01-01T00:00:01Z' } });
    assert.equal(status?.lastState.terminated?.exitCode, 3);
  });

  it('takes over what others write and nothing of its own from the API', () => {
    const own = { conditions: [{ type: 'Ready', status: 'True' as const }] };
    const api = {
      conditions: [
        { type: 'Ready', status: 'False' as const },
        { type: 'example.com/gate', status: 'True' as const },
      ],
    };
    assert.deepEqual(mergeConditions(own, api), [own.conditions[0], api.conditions[1]]);
  });
});
