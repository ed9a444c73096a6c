import type { Duplex, Readable, Writable } from 'node:stream';

/** Which container of which pod. `uid` tells a pod from a later one of its name. */
export interface ContainerReference {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  /** The pod's node. */
  readonly node: string;
  readonly container: string;
}

/** Query parameters of `pods/log`. */
export interface LogOptions {
  readonly follow: boolean;
  /** The container's run before the present one. */
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Milliseconds since 1970. */
  readonly since?: number;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** The ends of an exec or attach; those that the client didn't ask for are undefined. */
export interface ExecStreams {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  /** Undefined with a terminal, whose errors go to stdout. */
  readonly stderr: Writable | undefined;
  readonly tty: boolean;
  /** Calls `listener` for every new size of the client's terminal. */
  readonly onResize: (listener: (size: TerminalSize) => void) => void;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/**
 * What a kubelet does for the API server: reach into running pods. Each method throws a FlatnetError where there is no
 * such container, or it doesn't run.
 */
export interface PodStreams {
  /** Lines of the container's output; ends at the present unless `follow`. Destroyed when the client is gone. */
  readonly logs: (container: ContainerReference, options: LogOptions) => Promise<Readable>;
  /** Runs a command beside the container's own. Resolves to the exit status once all output has been written. */
  readonly exec: (container: ContainerReference, command: readonly string[], streams: ExecStreams) => Promise<number>;
  /** Joins the container's own process. Resolves when it or the client ends. */
  readonly attach: (container: ContainerReference, streams: ExecStreams) => Promise<void>;
  /** Connects to a TCP port of the pod, on its loopback. */
  readonly portForward: (pod: Omit<ContainerReference, 'container'>, port: number) => Promise<Duplex>;
}
