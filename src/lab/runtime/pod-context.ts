import path from 'node:path';
import type { Clock } from '../../kube/clock.ts';
import type { RecordedEvent } from '../../kube/event-recorder.ts';
import type { SocketNamespace } from '../../probe/probe-server.ts';
import type { SocketPoller } from '../../probe/socket/socket-poller.ts';
import type { LabHost } from '../lab-host.ts';
import type { ClusterDns } from './container-files.ts';
import type { PodObjects } from './pod-objects.ts';
import type { RuntimePod } from './pod-spec.ts';
import type { Sandbox } from './sandbox.ts';
import type { ApiAccess } from './volumes.ts';

/** What all pods of a host have in common. */
export interface HostContext {
  readonly host: LabHost;
  readonly hostNetwork: SocketNamespace;
  readonly hostAddresses: readonly string[];
  readonly poller: SocketPoller;
  readonly clock: Clock;
  readonly objects: PodObjects;
  readonly dns: ClusterDns;
  readonly apiAccess?: ApiAccess;
}

/** What all containers of a pod have in common. */
export interface PodContext extends HostContext {
  readonly pod: RuntimePod;
  readonly hostname: string;
  /** Absent: the pod is on the host's own network. */
  readonly sandbox?: Sandbox;
  /** The pod's network, whosever it is. */
  readonly network: SocketNamespace;
  /** Of the pod: its own, or its host's. */
  readonly addresses: readonly string[];
  /** Places on the host, by volume. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly report: (event: RecordedEvent, container?: string) => void;
}

/** Where the host keeps what belongs to a pod over reboots, as kubelets name it. */
export function podDirectory({ metadata }: RuntimePod, ...parts: readonly string[]): string {
  return path.posix.join('/var/lib/kubelet/pods', metadata.uid, ...parts);
}

/** Where the roots of a pod's containers are put together. */
export function stagingDirectory({ metadata }: RuntimePod, ...parts: readonly string[]): string {
  return path.posix.join('/run/flatnet-pods', metadata.uid, ...parts);
}
