import type { ChildProcess, StdioOptions } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { readFileIfPresent, replaceFile } from '../../kernel/atomic-file.ts';
import { readEnvironment } from './container-environment.ts';
import { renderHostsFile, renderResolverFile } from './container-files.ts';
import type { ContainerLog } from './container-log.ts';
import { type ContainerSetting, startBeside, startContainer } from './container-process.ts';
import type { BindMount } from './container-root.ts';
import { type ContainerRun, processRun, standInRun } from './container-run.ts';
import { expandVariables } from './environment.ts';
import { type PodContext, podDirectory, stagingDirectory } from './pod-context.ts';
import type { RuntimeContainer } from './pod-spec.ts';
import { StandInServer, standInPorts } from './stand-in-server.ts';
import { accountFiles, mountsOf, wantsAccount } from './volumes.ts';

/** Everything that a run of a container is started with. */
export interface Launch {
  readonly setting: ContainerSetting;
  /** Empty for a stand-in. */
  readonly command: readonly string[];
}

const TERMINATION_LOG = '/dev/termination-log';
/** As much of a termination message as a kubelet keeps. */
const TERMINATION_MESSAGE_LIMIT = 4096;

/** True for a container whose image would have to be pulled to know what it runs. */
export function isStandIn({ command = [] }: RuntimeContainer): boolean {
  return command.length === 0;
}

/** Reads and writes what a run needs. @throws FlatnetError where an object that it refers to is missing */
export async function prepareLaunch(container: RuntimeContainer, context: PodContext): Promise<Launch> {
  const { pod, host, sandbox, volumes } = context;
  const variables = await readEnvironment(container, context, context.objects);
  const { command = [], args = [], workingDir = '/', securityContext = {} } = container;
  const user = securityContext.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const group = securityContext.runAsGroup ?? pod.spec.securityContext?.runAsGroup;
  return {
    setting: {
      host,
      ...(sandbox !== undefined && { sandbox }),
      staging: stagingDirectory(pod, container.name),
      mounts: [...writeOwnFiles(container, context), ...mountsOf(container, volumes, host)],
      environment: Object.fromEntries(variables),
      workingDirectory: workingDir,
      ...(user !== undefined && { user }),
      ...(group !== undefined && { group }),
    },
    command: isStandIn(container) ? [] : [...command, ...args].map((part) => expandVariables(part, variables)),
  };
}

/** Starts a run. @throws FlatnetError where there is no such program, or a port is taken */
export function launch(
  container: RuntimeContainer,
  context: PodContext,
  { setting, command }: Launch,
  log: ContainerLog,
): ContainerRun {
  if (!isStandIn(container)) return processRun((stdio) => startContainer(setting, command, stdio), log);
  const { pod, host, network, poller } = context;
  const ports = standInPorts(container.ports);
  const server = new StandInServer({
    namespace: network,
    poller,
    identity: {
      pod: pod.metadata.name,
      namespace: pod.metadata.namespace,
      node: host.name,
      container: container.name,
      image: container.image ?? 'an unnamed image',
    },
    ports,
    log: (line) => log.note(line),
  });
  const list = ports.map(({ containerPort, protocol = 'TCP' }) => `${containerPort}/${protocol}`).join(', ');
  log.note(`built-in server, in place of image ${container.image}, on ${list}`);
  return standInRun(server);
}

/** Runs one more command in a container, stand-ins included. */
export function execIn(
  { setting }: Launch,
  run: ContainerRun,
  command: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  if (run.pid !== undefined) return startBeside(setting, run.pid, command, stdio);
  return startContainer({ ...setting, staging: `${setting.staging}.exec` }, command, stdio);
}

/** What the container wrote to its termination log. */
export function readTerminationMessage(
  container: RuntimeContainer,
  context: PodContext,
  log: ContainerLog,
  failed: boolean,
): string {
  const file = context.host.path(terminationFile(container, context));
  const text = (readFileIfPresent(file) ?? '').slice(0, TERMINATION_MESSAGE_LIMIT);
  if (text !== '' || !failed || container.terminationMessagePolicy !== 'FallbackToLogsOnError') return text;
  return log.tail(80).slice(-2048);
}

function terminationFile(container: RuntimeContainer, { pod }: PodContext): string {
  return podDirectory(pod, 'containers', container.name, 'termination-log');
}

/** /etc/hosts, /etc/resolv.conf, the service account and the termination log, on the host; and where they are mounted. */
function writeOwnFiles(container: RuntimeContainer, context: PodContext): BindMount[] {
  const { pod, host, addresses, dns, hostname, apiAccess } = context;
  const mounts: BindMount[] = [];
  const own = (name: string, content: string, target: string) => {
    const source = podDirectory(pod, name);
    mkdirSync(path.dirname(host.path(source)), { recursive: true });
    replaceFile(host.path(source), content);
    mounts.push({ source, target });
  };
  if (pod.spec.hostNetwork !== true) {
    own('etc-hosts', renderHostsFile(pod, addresses, dns.domain), '/etc/hosts');
    own('etc-hostname', `${hostname}\n`, '/etc/hostname');
  }
  const resolver = renderResolverFile(pod, dns);
  if (resolver !== undefined) own('etc-resolv.conf', resolver, '/etc/resolv.conf');
  if (apiAccess !== undefined && wantsAccount(container, pod.spec.automountServiceAccountToken ?? true)) {
    const source = podDirectory(pod, 'account');
    mkdirSync(host.path(source), { recursive: true });
    for (const [name, content] of accountFiles(pod.metadata.namespace, apiAccess))
      replaceFile(host.path(path.posix.join(source, name)), content);
    mounts.push({ source, target: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true });
  }
  const source = terminationFile(container, context);
  mkdirSync(path.dirname(host.path(source)), { recursive: true });
  writeFileSync(host.path(source), '');
  mounts.push({ source, target: container.terminationMessagePath ?? TERMINATION_LOG });
  return mounts;
}

/** @throws FlatnetError `unavailable`: the container isn't running */
export function notRunning(container: string): FlatnetError {
  return new FlatnetError({
    operation: 'reach container',
    code: 'unavailable',
    message: `container ${container} is not running`,
    remedy: 'see kubectl describe pod for why',
  });
}
