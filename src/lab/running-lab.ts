import type { ChildProcess, StdioOptions } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { VerifyReport } from '../verify/report.ts';
import type { LabParticipants } from './cluster-participants.ts';
import type { LabProgress } from './init-message.ts';
import type { CollectedDump } from './lab-collection.ts';
import type { LabNode } from './lab-node.ts';
import type { LabStatus } from './lab-status.ts';
import type { Story } from './model/story.ts';
import type { PodName } from './runtime/pod-runtime.ts';

/** A lab as its init and its control socket see it, whatever it is made of. */
export interface RunningLab {
  readonly environment: NodeJS.ProcessEnv;
  /** A host by its name, the one outside among them. @throws FlatnetError `not-found` */
  node(name: string): LabNode;
  /** The file that a process of a host, or of the lab itself, logs to. */
  logFile(host: string | undefined, process: string): string;
  /** Connects to what a port of 127.0.0.1 stands for. */
  dial(listener: string): Promise<Duplex>;
  /** Starts a program in a pod. @throws FlatnetError where there is no such pod, or it isn't running */
  spawnInPod(pod: PodName, command: readonly string[], stdio: StdioOptions): ChildProcess;
  /** Resolves when all is there, or after a deadline with a warning. */
  ready(): Promise<LabStatus>;
  status(): LabStatus;
  /** Its nodes and pods as those who send and answer. @param namespaces closes those that are opened for it */
  participants(namespaces: DisposableStack): LabParticipants;
  /** What the lab's model shows. */
  story(): Story;
  /** Tests the three rules with real packets, and the paths that are declared. */
  verify(onProgress: (progress: LabProgress) => void, signal: AbortSignal): Promise<VerifyReport>;
  /** Hands on a snapshot of the whole lab, file by file. */
  collect(emit: (dump: CollectedDump) => Promise<void>, signal: AbortSignal): Promise<void>;
  /** Ends everything in good order. */
  stop(): Promise<void>;
}
