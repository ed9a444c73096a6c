import type { ErrorCode } from '../error/flatnet-error.ts';
import type { KubeObject } from '../kube/object.ts';
import type { LabConfiguration } from './lab-configuration.ts';
import type { LabDirectory } from './lab-directory.ts';
import type { LabStatus } from './lab-status.ts';

/** What a lab is started with: sent by its keeper to its init as the first message. */
export interface LabStart {
  readonly directory: LabDirectory;
  readonly configuration: LabConfiguration;
  readonly manifests: readonly KubeObject[];
  /** Ports of 127.0.0.1 that listen on the lab's behalf: `api`, and a publication's number. */
  readonly ports: readonly ListenerPort[];
}

export interface ListenerPort {
  readonly name: string;
  readonly port: number;
}

/** From the keeper, outside the lab, to the lab's init. A `listener` message carries the listening socket itself. */
export type KeeperMessage =
  | { readonly kind: 'start'; readonly start: LabStart }
  | { readonly kind: 'listener'; readonly name: string }
  | { readonly kind: 'stop' };

export interface LabProgress {
  /** What is being done, for people: `hosts`, `agents ready`. */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** From the lab's init to its keeper, and on to whoever waits for the lab. */
export type InitMessage =
  /** Init runs, in namespaces of its own. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'progress'; readonly progress: LabProgress }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'ready'; readonly status: LabStatus }
  | {
      readonly kind: 'failed';
      readonly error: {
        readonly code: ErrorCode;
        readonly operation: string;
        readonly message: string;
        readonly remedy?: string;
      };
    };
