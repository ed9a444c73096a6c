/** How a run of a container ended. */
export interface Termination {
  readonly exitCode: number;
  /** Number of the signal that ended it. */
  readonly signal?: number;
  /** `Completed`, `Error`, `StartError`, … */
  readonly reason: string;
  readonly message?: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly containerId: string;
}

export type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly kind: 'running'; readonly startedAt: number }
  | ({ readonly kind: 'terminated' } & Termination);

/** All that the runtime knows of one container of one pod. */
export interface ContainerRecord {
  readonly name: string;
  readonly image: string;
  readonly state: ContainerState;
  readonly lastTermination?: Termination;
  readonly restartCount: number;
  /** Its startup probe, if it has one, has succeeded. */
  readonly started: boolean;
  /** Its readiness probe, if it has one, succeeds. */
  readonly ready: boolean;
  readonly containerId?: string;
  /** The image is stood in for by the built-in server. */
  readonly standIn: boolean;
  /** An init container that runs on beside the others. */
  readonly sidecar: boolean;
}
