import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { labEnvironment, labProgram } from '../src/cli/lab-program.ts';
import type { BackendName } from '../src/cluster/cluster-configuration.ts';
import { formatYaml } from '../src/error/yaml.ts';
import type { CniPlugin } from './cni-caller.ts';
import { waitUntil } from './deadline.ts';
import type { BenchHost } from './host-pair.ts';
import { type ProcessUsage, readProcess } from './process-usage.ts';

const COMPILE_CACHE = path.resolve(import.meta.dirname, '../node_modules/.cache/flatnet');

const TURN_RECORDER = path.join(import.meta.dirname, 'turn-recorder.ts');

/** What is told of an agent besides its usage. */
export interface AgentRecording {
  /** Whether long turns of its event loop are; that wakes it every millisecond. */
  readonly recordsTurns?: boolean;
}

export interface AgentProcessOptions extends AgentRecording {
  readonly kubeconfig: string;
  readonly backend: BackendName;
}

/** `flatnet agent` on a host, started as a lab starts it. */
export class AgentProcess {
  readonly #binDirectory: string;
  readonly #configurationFile: string;
  readonly #log: string;
  readonly #turns: string;
  readonly #child: ChildProcess;

  constructor(host: BenchHost, { kubeconfig, backend, recordsTurns = false }: AgentProcessOptions) {
    const { directory, namespace, name } = host;
    const within = (file: string) => path.join(directory, file);
    this.#binDirectory = within('cni-bin');
    this.#configurationFile = within('net.d/10-flatnet.conflist');
    this.#log = within('agent.log');
    rmSync(this.#configurationFile, { force: true });
    mkdirSync(within('net.d'), { recursive: true });
    writeFileSync(within('kubeconfig'), kubeconfig);
    const configuration = {
      node: name,
      kubeconfig: within('kubeconfig'),
      cluster: { clusterPrefixes: ['10.128.0.0/9'], servicePrefixes: ['10.96.0.0/16'], backend },
      cni: { binDirectory: this.#binDirectory, configurationDirectory: within('net.d') },
      stateDirectory: within('state'),
      addressDirectory: within('networks'),
      runDirectory: within('run'),
    };
    writeFileSync(within('agent.yaml'), formatYaml(configuration));
    const { command, args } = labProgram();
    this.#turns = within('turns');
    rmSync(this.#turns, { force: true });
    const environment = {
      ...labEnvironment(process.env),
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...(recordsTurns && { NODE_OPTIONS: `--import ${TURN_RECORDER}`, FLATNET_BENCH_TURNS: this.#turns }),
    };
    const log = openSync(this.#log, 'a');
    this.#child = namespace.run(() =>
      spawn(command, [...args, 'agent', '--config', within('agent.yaml')], {
        env: environment,
        stdio: ['ignore', log, log],
      }),
    );
    closeSync(log);
  }

  /** Resolves once runtimes are told of the network. @throws Error with the end of its log */
  async ready(): Promise<void> {
    const isReady = () => this.#child.exitCode !== null || existsSync(this.#configurationFile);
    try {
      await waitUntil('the agent is ready', isReady);
    } catch {
      // told below
    }
    if (existsSync(this.#configurationFile)) return;
    const log = existsSync(this.#log) ? readFileSync(this.#log, 'utf8') : '';
    throw new Error(`the agent did not become ready\n${log.slice(-2000)}`);
  }

  /** Its CNI executable, configured as it tells runtimes. */
  plugin(): CniPlugin {
    const { cniVersion, name, plugins } = JSON.parse(readFileSync(this.#configurationFile, 'utf8'));
    const [plugin] = plugins;
    return { type: plugin.type, directory: this.#binDirectory, configuration: { cniVersion, name, ...plugin } };
  }

  usage(): ProcessUsage {
    return readProcess(this.#child.pid ?? 0);
  }

  /** Turns of its event loop, where they are recorded: when they ended, by Date.now, and milliseconds of processor. */
  async turns(): Promise<readonly { readonly at: number; readonly length: number }[]> {
    rmSync(this.#turns, { force: true });
    this.#child.kill('SIGUSR2');
    const read = () => (existsSync(this.#turns) ? readFileSync(this.#turns, 'utf8') : '');
    await waitUntil('the agent has told of its turns', () => read().endsWith('end\n'));
    const lines = read().split('\n').slice(0, -2);
    return lines.flatMap((line) => {
      const [at = 0, length = 0] = line.split(' ').map(Number);
      return line === '' ? [] : [{ at, length }];
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}
