import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiObject, JsonObject } from '../json-value.ts';
import { POD_COLUMNS } from './pod-columns.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');

function cell(name: string, pod: ApiObject): unknown {
  return POD_COLUMNS.find((column) => column.name === name)?.cell(pod, NOW);
}

function pod(status: JsonObject, metadata: JsonObject = {}): ApiObject {
  const containers = [{ name: 'a' }, { name: 'b' }];
  return { metadata: { name: 'p', ...metadata }, spec: { containers, initContainers: [{ name: 'i' }] }, status };
}

test('the status is the most telling word', () => {
  assert.equal(cell('Status', pod({ phase: 'Running' })), 'Running');
  assert.equal(cell('Status', pod({ phase: 'Running' }, { deletionTimestamp: 'x' })), 'Terminating');
  const waiting = { state: { waiting: { reason: 'CrashLoopBackOff' } } };
  assert.equal(cell('Status', pod({ phase: 'Running', containerStatuses: [waiting] })), 'CrashLoopBackOff');
  const failed = { state: { terminated: { exitCode: 3 } } };
  assert.equal(cell('Status', pod({ phase: 'Failed', containerStatuses: [failed] })), 'ExitCode:3');
  const starting = { name: 'i', state: { running: {} } };
  assert.equal(cell('Status', pod({ phase: 'Pending', initContainerStatuses: [starting] })), 'Init:0/1');
  const done = { name: 'i', state: { terminated: { exitCode: 0 } } };
  assert.equal(cell('Status', pod({ phase: 'Running', initContainerStatuses: [done] })), 'Running');
});

test('readiness and restarts are counted', () => {
  const containerStatuses = [
    {
      ready: true,
      restartCount: 2,
      state: { running: {} },
      lastState: { terminated: { finishedAt: '2026-01-01T00:05:00Z' } },
    },
    { ready: false, restartCount: 1, state: { running: {} } },
  ];
  assert.equal(cell('Ready', pod({ containerStatuses })), '1/2');
  assert.equal(cell('Restarts', pod({ containerStatuses })), '3 (5m ago)');
  assert.equal(cell('Restarts', pod({})), '0');
});
