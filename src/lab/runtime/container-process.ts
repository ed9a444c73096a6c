import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { NetworkNamespace } from '../../kernel/network-namespace.ts';
import type { LabHost } from '../lab-host.ts';
import { type BindMount, buildContainerRoot } from './container-root.ts';
import type { Sandbox } from './sandbox.ts';
import { enterNamespacesOf, enterNewNamespaces, restoringNamespaces } from './thread-namespaces.ts';

/** What a program sees of the pod that it runs in. */
export interface ContainerSetting {
  readonly host: LabHost;
  /** Absent: the pod is on the host's own network (`hostNetwork`). */
  readonly sandbox?: Sandbox;
  /** A directory of the host, on which the container's root is put together. */
  readonly staging: string;
  readonly mounts: readonly BindMount[];
  readonly environment: Readonly<Record<string, string>>;
  /** Made where it is missing. */
  readonly workingDirectory: string;
  readonly user?: number;
  readonly group?: number;
}

/**
 * Starts a container's program: in the pod's network, IPC and UTS namespaces, and in a mount and a PID namespace of its
 * own, so that its descendants end with it. The child's pid is the program's.
 * @throws FlatnetError `not-found` where there is no such program, `permission` where it can't be executed
 */
export function startContainer(
  setting: ContainerSetting,
  command: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  const { host, sandbox, staging, mounts, environment, workingDirectory, user, group } = setting;
  const run = <Result>(action: () => Result) => (sandbox === undefined ? host.run(action) : sandbox.run(action));
  return run(() =>
    restoringNamespaces(['pid', 'mount'], () => {
      enterNewNamespaces(['pid', 'mount']);
      buildContainerRoot(staging, mounts, [workingDirectory]);
      const [name = '', ...args] = command;
      const program = findProgram(name, environment.PATH ?? '', workingDirectory);
      const identity = [
        ...(group === undefined ? [] : ['--setgid', String(group)]),
        ...(user === undefined ? [] : ['--setuid', String(user)]),
      ];
      // unshare(1) mounts the /proc of the new PID namespace, which only a process in it can, and becomes the program.
      return spawn('unshare', [...identity, '--mount-proc', '--', program, ...args], {
        env: environment,
        cwd: workingDirectory,
        stdio,
      });
    }),
  );
}

/** Starts a program beside a container's own, in all its namespaces. Its failure to start is the child's 'error' event. */
export function startBeside(
  setting: Pick<ContainerSetting, 'host' | 'environment' | 'workingDirectory' | 'user' | 'group'>,
  pid: number,
  [command = '', ...args]: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  const { host, environment, workingDirectory, user, group } = setting;
  using network = NetworkNamespace.open(`/proc/${pid}/ns/net`);
  const options: SpawnOptions = {
    env: environment,
    cwd: workingDirectory,
    stdio,
    ...(user !== undefined && { uid: user }),
    ...(group !== undefined && { gid: group }),
  };
  return host.run(() =>
    network.run(() =>
      restoringNamespaces(['pid', 'ipc', 'uts', 'mount'], () => {
        enterNamespacesOf(pid, ['pid', 'ipc', 'uts', 'mount']);
        return spawn(command, args, options);
      }),
    ),
  );
}

/** The file that a command means, as execvp(3) finds it. */
function findProgram(name: string, searchPath: string, workingDirectory: string): string {
  const candidates = name.includes('/')
    ? [path.resolve(workingDirectory, name)]
    : searchPath.split(':').map((directory) => path.join(directory || '.', name));
  let denied = false;
  for (const candidate of candidates) {
    try {
      const isFile = statSync(candidate).isFile();
      accessSync(candidate, constants.X_OK);
      if (isFile) return candidate;
      denied = true;
    } catch (error) {
      denied ||= error instanceof Error && 'code' in error && error.code === 'EACCES';
    }
  }
  const why = denied
    ? 'permission denied'
    : name.includes('/')
      ? 'no such file or directory'
      : 'executable file not found in $PATH';
  throw new FlatnetError({
    operation: 'start container',
    code: denied ? 'permission' : 'not-found',
    message: `exec: ${JSON.stringify(name)}: ${why}`,
    remedy: 'commands run from the files of this machine; leave out `command` to have the built-in server in its place',
  });
}
