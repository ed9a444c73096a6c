import { type ApiObject, type JsonObject, numberAt, objectAt, objectsAt, stringAt } from '../json-value.ts';
import { ageOf } from './duration.ts';
import { AGE, NAME } from './metadata-columns.ts';
import { column, type TableColumn, wideColumn } from './table-column.ts';

export const POD_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Ready', ready, 'Containers that are ready, of all that there are.'),
  column('Status', podStatus, 'What the pod is doing, in one word.'),
  column('Restarts', restarts, 'How often its containers have been started again, and when last.'),
  AGE,
  wideColumn('IP', (pod) => stringAt(pod, 'status', 'podIP') ?? '<none>', "The pod's address."),
  wideColumn('Node', (pod) => orNone(stringAt(pod, 'spec', 'nodeName')), 'The node that it runs on.'),
  wideColumn(
    'Nominated Node',
    (pod) => orNone(stringAt(pod, 'status', 'nominatedNodeName')),
    'The node that it may move to.',
  ),
  wideColumn('Readiness Gates', readinessGates, 'Readiness gates that are met, of all that there are.'),
];

function orNone(text: string | undefined): string {
  return text === undefined || text === '' ? '<none>' : text;
}

/** Init containers that go on running beside the others. */
function sidecarNames(pod: ApiObject): ReadonlySet<string> {
  const sidecars = objectsAt(pod, 'spec', 'initContainers').filter((container) => container.restartPolicy === 'Always');
  return new Set(sidecars.map((container) => stringAt(container, 'name') ?? ''));
}

function countedStatuses(pod: ApiObject): readonly JsonObject[] {
  const sidecars = sidecarNames(pod);
  const initial = objectsAt(pod, 'status', 'initContainerStatuses');
  return [
    ...initial.filter((status) => sidecars.has(stringAt(status, 'name') ?? '')),
    ...objectsAt(pod, 'status', 'containerStatuses'),
  ];
}

function ready(pod: ApiObject): string {
  const running = countedStatuses(pod).filter(
    (status) => status.ready === true && objectAt(status, 'state', 'running'),
  );
  return `${running.length}/${objectsAt(pod, 'spec', 'containers').length + sidecarNames(pod).size}`;
}

/** As `printPod` of kube-apiserver's printers: the init containers first, then the others, then the deletion. */
function podStatus(pod: ApiObject): string {
  const phase = stringAt(pod, 'status', 'phase') ?? 'Unknown';
  const reason = initReason(pod) ?? containerReason(pod) ?? stringAt(pod, 'status', 'reason') ?? phase;
  if (pod.metadata.deletionTimestamp === undefined) return reason;
  if (stringAt(pod, 'status', 'reason') === 'NodeLost') return 'Unknown';
  return phase === 'Succeeded' || phase === 'Failed' ? reason : 'Terminating';
}

function initReason(pod: ApiObject): string | undefined {
  const statuses = objectsAt(pod, 'status', 'initContainerStatuses');
  const sidecars = sidecarNames(pod);
  for (const [index, status] of statuses.entries()) {
    const terminated = objectAt(status, 'state', 'terminated');
    if (terminated !== undefined && terminated.exitCode === 0) continue;
    if (sidecars.has(stringAt(status, 'name') ?? '') && status.started === true) continue;
    if (terminated !== undefined) return `Init:${terminatedReason(terminated)}`;
    const waiting = stringAt(status, 'state', 'waiting', 'reason') ?? '';
    if (waiting !== '' && waiting !== 'PodInitializing') return `Init:${waiting}`;
    return `Init:${index}/${objectsAt(pod, 'spec', 'initContainers').length}`;
  }
  return undefined;
}

function containerReason(pod: ApiObject): string | undefined {
  let reason: string | undefined;
  let running = false;
  for (const status of objectsAt(pod, 'status', 'containerStatuses').toReversed()) {
    const waiting = stringAt(status, 'state', 'waiting', 'reason') ?? '';
    const terminated = objectAt(status, 'state', 'terminated');
    if (waiting !== '') reason = waiting;
    else if (terminated !== undefined) reason = terminatedReason(terminated);
    else if (status.ready === true && objectAt(status, 'state', 'running') !== undefined) running = true;
  }
  if (reason !== 'Completed' || !running) return reason;
  const isReady = objectsAt(pod, 'status', 'conditions').some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  );
  return isReady ? 'Running' : 'NotReady';
}

function terminatedReason(terminated: JsonObject): string {
  const reason = stringAt(terminated, 'reason') ?? '';
  if (reason !== '') return reason;
  const signal = numberAt(terminated, 'signal') ?? 0;
  return signal !== 0 ? `Signal:${signal}` : `ExitCode:${numberAt(terminated, 'exitCode') ?? 0}`;
}

function restarts(pod: ApiObject, now: number): string {
  const statuses = countedStatuses(pod);
  const count = statuses.reduce((sum, status) => sum + (numberAt(status, 'restartCount') ?? 0), 0);
  const times = statuses
    .map((status) => stringAt(status, 'lastState', 'terminated', 'finishedAt'))
    .filter((time) => time !== undefined)
    .toSorted();
  const last = times.at(-1);
  return count === 0 || last === undefined ? String(count) : `${count} (${ageOf(last, now)} ago)`;
}

function readinessGates(pod: ApiObject): string {
  const gates = objectsAt(pod, 'spec', 'readinessGates');
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) =>
    objectsAt(pod, 'status', 'conditions').some(({ type, status }) => type === gate.conditionType && status === 'True'),
  );
  return `${met.length}/${gates.length}`;
}
