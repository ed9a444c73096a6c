import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { WirePath } from './wire-path.ts';

const run = promisify(execFile);

export const ROUND_TRIP_PORT = 7007;
const ROUND_TRIPS = 2000;
const CONNECTS = 1000;
const THROUGHPUT_SECONDS = 1;

/** Both ends of a round trip share one processor, since a second one's wake-ups make two humps of the times. */
const LATENCY_CPU = '0';
/** Client, then server. */
const THROUGHPUT_CPUS = ['0', '1'] as const;

/** What is asked of both ends of a path, with the servers that answer. */
export class WireTraffic implements AsyncDisposable {
  readonly #path: WirePath;
  readonly #roundTrip: string;
  readonly #servers: readonly ChildProcess[];

  private constructor(path: WirePath, roundTrip: string, servers: readonly ChildProcess[]) {
    this.#path = path;
    this.#roundTrip = roundTrip;
    this.#servers = servers;
  }

  /** Starts the servers; the path's throughput needs iperf3. */
  static async start(path: WirePath, roundTrip: string, iperf: boolean): Promise<WireTraffic> {
    // A group of its own, to end what it forks too.
    const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'inherit'], detached: true };
    const start = (command: string, args: readonly string[]) => path.server.run(() => spawn(command, args, options));
    const servers = [start(roundTrip, ['serve', LATENCY_CPU, String(ROUND_TRIP_PORT)])];
    if (iperf) servers.push(start('iperf3', ['--server', '--affinity', THROUGHPUT_CPUS[1], '--forceflush']));
    for (const { stdout } of servers) {
      if (stdout === null) continue;
      await once(stdout, 'data');
      stdout.resume();
    }
    return new WireTraffic(path, roundTrip, servers);
  }

  /** Median of many, in microseconds. @param address the server's, or one that leads to it */
  async roundTrip(protocol: 'tcp' | 'udp', address = this.#path.address): Promise<number> {
    return await this.#measure('measure', LATENCY_CPU, protocol, address, String(ROUND_TRIP_PORT), String(ROUND_TRIPS));
  }

  /** The same of connect(2). */
  async connect(address = this.#path.address): Promise<number> {
    return await this.#measure('connect', LATENCY_CPU, address, String(ROUND_TRIP_PORT), String(CONNECTS));
  }

  async #measure(...options: readonly string[]): Promise<number> {
    const { stdout } = await this.#path.client.run(() => ({ done: run(this.#roundTrip, options) })).done;
    return Number(stdout.split(' ')[0]) / 1000;
  }

  /** What arrives over one TCP connection, in Gbit/s. */
  async throughput(): Promise<number> {
    const { client, address } = this.#path;
    const options = ['--client', address, '--time', String(THROUGHPUT_SECONDS), '--json'];
    const pinned = [...options, '--affinity', THROUGHPUT_CPUS.join()];
    const { stdout } = await client.run(() => ({ done: run('iperf3', pinned) })).done;
    return JSON.parse(stdout).end.sum_received.bits_per_second / 1e9;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      if (server.pid === undefined) continue;
      const ended = once(server, 'exit');
      process.kill(-server.pid, 'SIGKILL');
      await ended;
    }
  }
}
