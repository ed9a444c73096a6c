import type { ModelName } from './model/container-plan.ts';

/** What `status` answers on the control socket, and `flatnet lab status -o json` prints. */
export interface LabStatus {
  readonly name: string;
  readonly phase: 'starting' | 'ready' | 'stopping';
  readonly model: ModelName;
  /** Absent: there is no Kubernetes. */
  readonly api?: { readonly url: string; readonly kubeconfig: string };
  readonly hosts: readonly HostStatus[];
  readonly pods: readonly PodStatus[];
  readonly services: readonly ServiceStatus[];
  readonly publications: readonly { readonly url: string; readonly target: string }[];
  readonly internet: readonly string[];
}

export interface HostStatus {
  readonly name: string;
  readonly subnet: string;
  readonly addresses: readonly string[];
  readonly podPrefixes: readonly string[];
  readonly up: boolean;
  /** The Node's Ready condition. */
  readonly ready: boolean;
  /** Pid, in the lab's PID namespace, of the process that holds the host's namespaces. */
  readonly pid: number;
  /** Absent where none belongs. */
  readonly agent?: { readonly pid?: number; readonly restarts: number; readonly log: string };
}

export interface PodStatus {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly addresses: readonly string[];
  readonly ready: boolean;
  readonly phase: string;
  /** TCP ports that its containers declare. */
  readonly ports: readonly number[];
}

/** A service with virtual addresses. */
export interface ServiceStatus {
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly ports: readonly { readonly port: number; readonly protocol: string; readonly nodePort?: number }[];
}
