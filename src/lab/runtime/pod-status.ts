import { formatKubeTime } from '../../kube/clock.ts';
import type { PodCondition, PodPhase } from '../../kube/objects/pod.ts';
import type { ContainerRecord, Termination } from './container-record.ts';
import type { ContainerStateFields, ContainerStatus, RestartPolicy, RuntimePodStatus } from './pod-spec.ts';

/** What a pod's status is made of. */
export interface PodObservation {
  readonly restartPolicy: RestartPolicy;
  readonly initContainers: readonly ContainerRecord[];
  readonly containers: readonly ContainerRecord[];
  /** Of the pod; empty until it has a sandbox. */
  readonly addresses: readonly string[];
  readonly hostAddresses: readonly string[];
  /** Types of conditions that others set and that must be True before the pod is ready. */
  readonly readinessGates: readonly string[];
  /** The pod was ended by the runtime itself, for this reason. */
  readonly failure?: { readonly reason: string; readonly message: string };
  /** Something that users should know of a pod that runs. */
  readonly note?: string;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  readonly now: number;
  /** The status that the API has, whose conditions of other writers and whose transition times are kept. */
  readonly previous?: RuntimePodStatus;
}

/** A pod's status as a kubelet reports it. */
export function podStatus(observation: PodObservation): RuntimePodStatus {
  const { addresses, hostAddresses, failure, note, initContainers, containers } = observation;
  const phase = podPhase(observation);
  const [podIP] = addresses;
  const [hostIP] = hostAddresses;
  return {
    phase,
    conditions: podConditions(observation, phase),
    ...(note !== undefined && { message: note }),
    ...failure,
    startTime: formatKubeTime(observation.startTime),
    ...(hostIP !== undefined && { hostIP, hostIPs: hostAddresses.map((ip) => ({ ip })) }),
    ...(podIP !== undefined && { podIP, podIPs: addresses.map((ip) => ({ ip })) }),
    containerStatuses: containers.map(containerStatus),
    ...(initContainers.length > 0 && { initContainerStatuses: initContainers.map(containerStatus) }),
  };
}

/** An init container is done when it has succeeded; a sidecar, when it has started. */
function isInitialized(record: ContainerRecord): boolean {
  if (record.sidecar) return record.started;
  return record.state.kind === 'terminated' && record.state.exitCode === 0;
}

/** The phase as the pod life cycle defines it (kubernetes.io, "Pod phase"). */
export function podPhase(observation: PodObservation): PodPhase {
  const { restartPolicy, initContainers, containers, failure } = observation;
  if (failure !== undefined) return 'Failed';
  const pending = initContainers.find((record) => !isInitialized(record));
  if (pending !== undefined) {
    const failed = pending.state.kind === 'terminated' && !pending.sidecar && restartPolicy === 'Never';
    return failed ? 'Failed' : 'Pending';
  }
  const ends = containers.map(({ state, lastTermination }) => (state.kind === 'terminated' ? state : lastTermination));
  if (containers.some(({ state }, index) => state.kind === 'waiting' && ends[index] === undefined)) return 'Pending';
  if (containers.some(({ state }) => state.kind === 'running')) return 'Running';
  if (restartPolicy === 'Always') return 'Running';
  if (ends.every((end) => end?.exitCode === 0)) return 'Succeeded';
  return restartPolicy === 'Never' ? 'Failed' : 'Running';
}

type ConditionValue = Pick<PodCondition, 'status' | 'reason' | 'message'>;

const TRUE: ConditionValue = { status: 'True' };

function podConditions(observation: PodObservation, phase: PodPhase): readonly PodCondition[] {
  const { previous, readinessGates, now } = observation;
  const old = previous?.conditions ?? [];
  const containersReady = containersReadyCondition(observation, phase);
  const open = readinessGates.filter((gate) => !old.some(({ type, status }) => type === gate && status === 'True'));
  const ready =
    containersReady.status === 'True' && open.length > 0
      ? {
          status: 'False' as const,
          reason: 'ReadinessGatesNotReady',
          message: open.map((gate) => `corresponding condition of pod readiness gate "${gate}" is not True.`).join(' '),
        }
      : containersReady;
  const values: Readonly<Record<string, ConditionValue>> = {
    PodReadyToStartContainers: { status: observation.addresses.length > 0 ? 'True' : 'False' },
    Initialized: initializedCondition(observation, phase),
    Ready: ready,
    ContainersReady: containersReady,
    PodScheduled: TRUE,
  };
  const own = Object.entries(values).map(([type, value]): PodCondition => {
    const before = old.find((condition) => condition.type === type);
    const kept = before?.status === value.status ? before.lastTransitionTime : undefined;
    return { type, ...value, lastTransitionTime: kept ?? formatKubeTime(now) };
  });
  return [...own, ...old.filter(({ type }) => values[type] === undefined)];
}

/** Types of the conditions that podStatus sets. */
const OWN_CONDITIONS = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
]);

/** Our own conditions as we last set them, and those of other writers as the API has them. */
export function mergeConditions(
  own: RuntimePodStatus | undefined,
  api: RuntimePodStatus | undefined,
): readonly PodCondition[] {
  const isOwn = ({ type }: PodCondition) => OWN_CONDITIONS.has(type);
  return [...(own?.conditions ?? []).filter(isOwn), ...(api?.conditions ?? []).filter((one) => !isOwn(one))];
}

/** Whether the pod was marked unready together with its node: its runtime, where it lives, says otherwise once the node is ready. */
export function isMarkedWithNode(api: RuntimePodStatus | undefined): boolean {
  return api?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'NodeNotReady') ?? false;
}

function initializedCondition({ initContainers }: PodObservation, phase: PodPhase): ConditionValue {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  const incomplete = initContainers.filter((record) => !isInitialized(record)).map(({ name }) => name);
  if (incomplete.length === 0) return TRUE;
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.join(' ')}]`,
  };
}

function containersReadyCondition({ initContainers, containers }: PodObservation, phase: PodPhase): ConditionValue {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const counted = [...initContainers.filter(({ sidecar }) => sidecar), ...containers];
  const unready = counted.filter((record) => !isReady(record)).map(({ name }) => name);
  if (unready.length === 0) return TRUE;
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
}

function isReady({ state, started, ready }: ContainerRecord): boolean {
  return state.kind === 'running' && started && ready;
}

/** What the API calls the lab's way to run an image that nobody pulled. */
const STAND_IN_IMAGE_ID = 'flatnet.io/stand-in';

function containerStatus(record: ContainerRecord): ContainerStatus {
  const { name, image, state, lastTermination, restartCount, standIn, containerId, sidecar } = record;
  const finished = state.kind === 'terminated' && state.exitCode === 0 && !sidecar;
  return {
    name,
    image,
    imageID: standIn ? STAND_IN_IMAGE_ID : '',
    ready: isReady(record) || (finished && record.ready),
    started: state.kind === 'running' && record.started,
    restartCount,
    ...(containerId !== undefined && { containerID: `flatnet://${containerId}` }),
    state: stateFields(record),
    lastState: lastTermination === undefined ? {} : terminatedFields(lastTermination),
  };
}

function stateFields({ state }: ContainerRecord): ContainerStateFields {
  switch (state.kind) {
    case 'waiting': {
      const { reason, message } = state;
      return { waiting: { reason, ...(message !== undefined && { message }) } };
    }
    case 'running':
      return { running: { startedAt: formatKubeTime(state.startedAt) } };
    case 'terminated':
      return terminatedFields(state);
    default: {
      const unreachable: never = state;
      throw new TypeError(`no such state: ${JSON.stringify(unreachable)}`);
    }
  }
}

function terminatedFields(end: Termination): ContainerStateFields {
  return {
    terminated: {
      exitCode: end.exitCode,
      ...(end.signal !== undefined && { signal: end.signal }),
      reason: end.reason,
      ...(end.message !== undefined && { message: end.message }),
      startedAt: formatKubeTime(end.startedAt),
      finishedAt: formatKubeTime(end.finishedAt),
      containerID: `flatnet://${end.containerId}`,
    },
  };
}
