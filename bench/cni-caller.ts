import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import type { BenchHost } from './host-pair.ts';

/** Where the reference plugins find iptables. */
const SEARCH_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** What to call, and how it is configured. */
export interface CniPlugin {
  /** Its file name in `directory`. */
  readonly type: string;
  readonly directory: string;
  /** The plugin's own section of a network configuration, with cniVersion and name. */
  readonly configuration: Readonly<Record<string, unknown>>;
}

/** A pod's attachment, from ADD on. */
export interface Container {
  readonly name: string;
  readonly namespacePath: string;
}

/** Microseconds. */
export interface CallTime {
  /** From the first start to the last exit. */
  readonly wall: number;
  /** Processor time of the plugins and their children. */
  readonly processor: number;
}

/** Calls a plugin on a host as a runtime does, by a small C program that starts it in an empty environment. */
export class CniCaller implements AsyncDisposable {
  readonly #plugin: CniPlugin;
  readonly #directory: string;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(spawner: string, host: BenchHost, plugin: CniPlugin) {
    this.#plugin = plugin;
    this.#directory = path.join(host.directory, 'calls');
    mkdirSync(this.#directory, { recursive: true });
    writeFileSync(this.#file('ADD.json'), JSON.stringify(plugin.configuration));
    const child = host.namespace.run(() =>
      spawn(spawner, [plugin.directory, SEARCH_PATH], { stdio: ['pipe', 'pipe', 'inherit'], env: {} }),
    );
    this.#child = child;
    this.#answers = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Adds all containers at once. @throws Error where one fails, with what it printed */
  add(containers: readonly Container[]): Promise<CallTime> {
    return this.#call('ADD', containers, () => this.#file('ADD.json'));
  }

  /** Deletes them all at once; the plugin gets the result of its ADD, as from a runtime. @throws Error */
  delete(containers: readonly Container[]): Promise<CallTime> {
    for (const { name } of containers) {
      const prevResult = JSON.parse(readFileSync(this.#file(`${name}.ADD`), 'utf8'));
      writeFileSync(this.#file(`${name}.json`), JSON.stringify({ ...this.#plugin.configuration, prevResult }));
    }
    return this.#call('DEL', containers, ({ name }) => this.#file(`${name}.json`));
  }

  /** The first address that ADD gave to a container, without its length. */
  addressOf({ name }: Container): string {
    const [first] = JSON.parse(readFileSync(this.#file(`${name}.ADD`), 'utf8')).ips;
    return String(first.address).replace(/\/.*/, '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#answers.next();
  }

  #file(name: string): string {
    return path.join(this.#directory, name);
  }

  async #call(
    command: 'ADD' | 'DEL',
    containers: readonly Container[],
    configurationOf: (container: Container) => string,
  ): Promise<CallTime> {
    const lines = containers.map((container) =>
      [
        ...[command, this.#plugin.type, container.name, container.namespacePath],
        ...[configurationOf(container), this.#file(`${container.name}.${command}`)],
      ].join('\t'),
    );
    this.#child.stdin?.write(`${lines.join('\n')}\n\n`);
    const { value } = await this.#answers.next();
    const [wall, processor, failed] = String(value).split(' ').map(Number);
    if (wall === undefined || processor === undefined || failed !== 0)
      throw new Error(`${command} by ${this.#plugin.type} failed: ${this.#printed(command, containers)}`);
    return { wall, processor };
  }

  #printed(command: string, containers: readonly Container[]): string {
    const texts = containers.map(({ name }) => readFileSync(this.#file(`${name}.${command}`), 'utf8'));
    return texts.find((text) => text.includes('"code"')) ?? texts[0] ?? '';
  }
}
