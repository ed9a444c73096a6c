import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { Address } from '../address/address.ts';

/**
 * One host of a lab: a network, a mount and a UTS namespace, with its own /run, /etc, /opt/cni, /var/lib and /sys on top
 * of this machine's files. All hosts of a lab share its PID namespace, so that a pid means the same everywhere in it.
 *
 * A reboot ends this value (`signal`) and all that runs in it; the host that comes up after it is a new LabHost.
 */
export interface LabHost {
  readonly name: string;
  /** Its InternalIPs, at most one a family, IPv4 first. */
  readonly addresses: readonly Address[];
  /** The failure zone that its Node is labelled with (`topology.kubernetes.io/zone`). */
  readonly zone?: string;
  /** Labels that its Node bears beside those that every node has. */
  readonly labels: Readonly<Record<string, string>>;
  /** A path of its network namespace that the lab's init process can open. */
  readonly networkNamespace: string;
  /** Aborted when the host goes down (reboot, end of the lab): whatever belongs to it ends then. */
  readonly signal: AbortSignal;

  /**
   * Starts a program inside the host's namespaces, as child_process.spawn does: `command`, `options.cwd` (default `/`)
   * and PATH mean the host's files, and the child's pid is the program's own. Its standard streams are pipes unless
   * told otherwise. Killed when the host goes down.
   * @throws FlatnetError `unavailable` when the host is down
   */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;

  /**
   * Runs `action` with this thread inside all the host's namespaces: synchronous file operations mean the host's files,
   * sockets opened stay in its network, children spawned are its own. It must be synchronous.
   */
  run<Result>(action: () => Result): Result;

  /** Where the init process finds the file that the host calls `pathInHost` (absolute), mounts of the host included. */
  path(pathInHost: string): string;
}

/** Where things are on every host of a lab. */
export const HOST_PATHS = {
  /** Namespaces that container runtimes name; a reboot empties it. */
  namespaces: '/run/netns',
  cniBin: '/opt/cni/bin',
  cniConfiguration: '/etc/cni/net.d',
  agentConfiguration: '/etc/flatnet/agent.yaml',
  agentKubeconfig: '/etc/flatnet/kubeconfig',
  /** ip-masq-agent's; there only where the lab configures it. */
  masqueradeConfiguration: '/etc/flatnet/ip-masq-agent',
  /** Where the agent serves health and metrics, in the host's network namespace. */
  agentMetrics: '127.0.0.1:10351',
  agentState: '/var/lib/flatnet',
  agentRun: '/run/flatnet',
} as const;
