import os from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { type Address, formatAddress } from '../../address/address.ts';
import { formatKubeTime } from '../../kube/clock.ts';
import type { NodeCondition, NodeStatus, Taint } from '../../kube/objects/node.ts';
import type { LabHost } from '../lab-host.ts';

/** The Kubernetes version that the lab's API claims too. */
const KUBELET_VERSION = 'v1.32.0+flatnet';
const MAXIMUM_PODS = 110;

/** The labels that a kubelet gives its node, with those that the lab was told. */
export function nodeLabels(host: Pick<LabHost, 'name' | 'zone' | 'labels'>): Record<string, string> {
  return {
    'kubernetes.io/hostname': host.name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture(),
    ...(host.zone !== undefined && { 'topology.kubernetes.io/zone': host.zone }),
    ...host.labels,
  };
}

/** Node architectures have Go's names. */
function architecture(): string {
  return { x64: 'amd64', ia32: '386' }[process.arch as string] ?? process.arch;
}

const NOT_READY = 'node.kubernetes.io/not-ready';

/** The taints that a node registers with whose network isn't ready, so that nobody need write them a moment later. */
export function notReadyTaints(now: number): readonly Taint[] {
  return [
    { key: NOT_READY, effect: 'NoSchedule' },
    { key: NOT_READY, effect: 'NoExecute', timeAdded: formatKubeTime(now) },
  ];
}

/** The part of a node's status that never changes while it is up. */
export function nodeStatus(name: string, addresses: readonly Address[], bootId: string) {
  const capacity = {
    cpu: String(os.availableParallelism()),
    memory: `${Math.floor(os.totalmem() / 1024)}Ki`,
    pods: String(MAXIMUM_PODS),
    'ephemeral-storage': '10Gi',
  };
  return {
    addresses: [
      ...addresses.map((address) => ({ type: 'InternalIP' as const, address: formatAddress(address) })),
      { type: 'Hostname' as const, address: name },
    ],
    capacity,
    allocatable: capacity,
    nodeInfo: {
      machineID: '',
      systemUUID: '',
      bootID: bootId,
      kernelVersion: os.release(),
      osImage: 'Flatnet lab host',
      containerRuntimeVersion: 'flatnet://0.1.0',
      kubeletVersion: KUBELET_VERSION,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: architecture(),
    },
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
  };
}

const PRESSURES = [
  ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
] as const;

/**
 * The conditions that a kubelet reports.
 * @param notReady why pods can't be given a network; undefined where they can
 * @param previous the conditions reported before, whose transition times are kept
 */
export function nodeConditions(
  notReady: string | undefined,
  now: number,
  previous: readonly NodeCondition[] = [],
): readonly NodeCondition[] {
  const ready =
    notReady === undefined
      ? ({ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the lab runs pods' } as const)
      : ({
          type: 'Ready',
          status: 'False',
          reason: 'KubeletNotReady',
          message: `container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:${notReady}`,
        } as const);
  const pressures = PRESSURES.map(([type, reason, message]) => ({ type, status: 'False' as const, reason, message }));
  return [...pressures, ready].map((condition): NodeCondition => {
    const before = previous.find(({ type }) => type === condition.type);
    const kept = before?.status === condition.status ? before.lastTransitionTime : undefined;
    const time = formatKubeTime(now);
    return { ...condition, lastHeartbeatTime: time, lastTransitionTime: kept ?? time };
  });
}

/** Whether the API has a status as it is to be reported: all but times, and what others have added. */
export function saysSame(present: NodeStatus | undefined, wanted: NodeStatus): boolean {
  const reported = new Set((wanted.conditions ?? []).map(({ type }) => type));
  const conditions = (present?.conditions ?? []).filter(({ type }) => reported.has(type));
  return isDeepStrictEqual(
    withoutTimes({ ...present, conditions: inOrder(conditions) }),
    withoutTimes({ ...present, ...wanted, conditions: inOrder(wanted.conditions ?? []) }),
  );
}

function withoutTimes({ conditions = [], ...status }: NodeStatus): NodeStatus {
  const timeless = conditions.map(({ lastHeartbeatTime: _, lastTransitionTime: __, ...condition }) => condition);
  return { ...status, conditions: timeless };
}

function inOrder(conditions: readonly NodeCondition[]): readonly NodeCondition[] {
  return conditions.toSorted((left, right) => (left.type < right.type ? -1 : 1));
}
