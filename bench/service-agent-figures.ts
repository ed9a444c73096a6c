import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { formatAddress } from '../src/address/address.ts';
import { RulesetSession } from '../src/kernel/nftables/ruleset-session.ts';
import type { KubeObject } from '../src/kube/object.ts';
import type { AgentProcess } from './agent-process.ts';
import { BenchCluster } from './bench-cluster.ts';
import { type Figure, type Measured, summarize } from './figure.ts';
import { type BenchHost, HostPair } from './host-pair.ts';

const ENDPOINTS = 10;
const SIZES = [1_000, 10_000, 30_000] as const;
/** The size whose changes and memory are measured. */
const REFERENCE = 10_000;
const CHANGES = 1_000;
/** Milliseconds between two single changes. */
const PAUSE = 3;
/** Milliseconds without a change of tables after which a load is over. */
const QUIET = 3_000;
/** Milliseconds after which a load has failed. */
const DEADLINE = 180_000;
/** Milliseconds after the last list has been sent, by when it is parsed. */
const PARSED = 200;
/** Seconds after a load at which an agent has given back what it took. */
const SETTLING = 110;

/** Services through a real agent: from the API's list, or an event of its watch, to the kernel. */
export async function measureServiceAgent(directory: string): Promise<Measured> {
  const figures: Figure[] = [];
  const loads = new Map<number, number>();
  for (const size of SIZES) {
    using hosts = new HostPair(`${directory}/${size}`);
    await using cluster = await BenchCluster.start(hosts.hosts, 'auto');
    await (await cluster.startAgent(hosts.first)).stop();
    for (let number = 0; number < size; number++) {
      cluster.put('services', serviceObject(number));
      cluster.put('endpointslices', sliceObject(number, 0));
    }
    using bench = new AgentBench(cluster, hosts.first, size);
    figures.push(...(await bench.measure()));
    loads.set(size, bench.loaded);
  }
  const perService = (size: number) => (loads.get(size) ?? Number.NaN) / size;
  const slowest = Math.max(...SIZES.map(perService));
  figures.push({
    name: `cost per service, list to done: ${SIZES.map((size) => size.toLocaleString('en')).join(', ')}, greatest by that of 1,000`,
    unit: '×',
    ours: summarize([slowest / perService(SIZES[0])]),
    target: { of: 'value', bound: 'at most', limit: 1.5 },
  });
  return { figures, skipped: [] };
}

/** An agent on a host, and a look at what it does to the tables there. */
class AgentBench implements Disposable {
  readonly #cluster: BenchCluster;
  readonly #host: BenchHost;
  readonly #size: number;
  readonly #session: RulesetSession;
  /** Milliseconds since 1970 at which services were first asked for, and lists last sent. */
  #listedAt = 0;
  #sentAt = 0;
  /** Milliseconds of the first load. */
  loaded = 0;

  constructor(cluster: BenchCluster, host: BenchHost, size: number) {
    this.#cluster = cluster;
    this.#host = host;
    this.#size = size;
    this.#session = RulesetSession.open(host.namespace);
    // Whether somebody has changed tables is told from the first look on.
    this.#session.changedByOthers();
    subscribe('http.server.request.start', this.#onRequest);
    subscribe('http.server.response.finish', this.#onResponse);
  }

  async measure(): Promise<readonly Figure[]> {
    const { value: first, agent, turn } = await this.#load();
    this.loaded = first;
    const few = this.#size <= REFERENCE;
    const figures: Figure[] = [
      this.#figure('from the API’s list to done', 'ms', [first], few ? 1_500 : 5_000),
      this.#figure('longest turn of the agent after its list is parsed', 'ms', [turn], 20),
    ];
    if (this.#size === REFERENCE) figures.push(...(await this.#measureChanges(agent)));
    await agent.stop();
    // The last that a new agent comes to: once it is in the kernel, all else has been compared.
    this.#cluster.put('endpointslices', sliceObject(this.#size - 1, 3));
    const again = await this.#load();
    figures.push(
      this.#figure('the same of an agent that finds its tables', 'ms', [again.value]),
      this.#figure('longest turn of that agent', 'ms', [again.turn], 20),
    );
    await again.agent.stop();
    return figures;
  }

  async #load() {
    this.#listedAt = 0;
    this.#sentAt = 0;
    const agent = await this.#cluster.startAgent(this.#host, { recordsTurns: true });
    const done = await this.#lastChange();
    const turn = Math.max(
      0,
      ...(await agent.turns()).flatMap(({ at, length }) => (at > this.#sentAt + PARSED ? [length] : [])),
    );
    return { value: done - this.#listedAt, agent, turn };
  }

  async #measureChanges(agent: AgentProcess): Promise<readonly Figure[]> {
    const samples: number[] = [];
    this.#session.changedByOthers();
    for (let number = 0; number < CHANGES; number++) {
      const started = performance.now();
      this.#cluster.put('endpointslices', sliceObject(number, 1));
      while (!this.#session.changedByOthers()) await nextTurn();
      samples.push(performance.now() - started);
      await sleep(PAUSE);
    }
    await sleep(SETTLING * 1000);
    const { resident, anonymous } = agent.usage();
    return [
      this.#figure('from the watch’s event to done', 'ms', samples, 5),
      {
        ...this.#figure('RSS of the agent', 'MB', [resident], 160),
        note: `${anonymous.toFixed(0)} MB of it anonymous`,
      },
    ];
  }

  /** When tables last changed after the lists had been sent, in milliseconds since 1970. */
  async #lastChange(): Promise<number> {
    const deadline = Date.now() + DEADLINE;
    let last = 0;
    while (this.#sentAt === 0 || last < this.#sentAt || Date.now() - last < QUIET) {
      if (Date.now() > deadline) throw new Error('the agent has loaded no services');
      await sleep(2);
      if (this.#session.changedByOthers()) last = Date.now();
    }
    return last;
  }

  #figure(what: string, unit: string, values: readonly number[], limit?: number): Figure {
    return {
      name: `${this.#size.toLocaleString('en')} services × ${ENDPOINTS}: ${what}`,
      unit,
      ours: summarize(values),
      ...(limit !== undefined && { target: { of: 'value', bound: 'at most', limit } as const }),
    };
  }

  readonly #onRequest = (message: unknown): void => {
    if (isServiceList(message) && this.#listedAt === 0) this.#listedAt = Date.now();
  };

  readonly #onResponse = (message: unknown): void => {
    if (isServiceList(message)) this.#sentAt = Date.now();
  };

  [Symbol.dispose](): void {
    unsubscribe('http.server.request.start', this.#onRequest);
    unsubscribe('http.server.response.finish', this.#onResponse);
    this.#session.close();
  }
}

/** Of Node's channels for what an HTTP server does: whether it is about a page of services or slices. */
function isServiceList(message: unknown): boolean {
  const { url = '' } = (message as { readonly request: IncomingMessage }).request;
  return /\/(services|endpointslices)\?/.test(url) && !url.includes('watch=');
}

function serviceObject(number: number): KubeObject {
  const address = formatAddress({ family: 4, value: 0x0a60_0000n + BigInt(number + 10) });
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'default', name: nameOf(number) },
    spec: {
      type: 'ClusterIP',
      clusterIP: address,
      clusterIPs: [address],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      selector: { app: nameOf(number) },
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }],
    },
    status: { loadBalancer: {} },
  };
  return object;
}

/** A service's ten endpoints; the first is another one where it has moved. */
function sliceObject(number: number, moved: number): KubeObject {
  const name = nameOf(number);
  const address = (index: number) =>
    formatAddress({ family: 4, value: 0x0a80_0000n + BigInt(number * 16 + index + (index === 0 ? 10 * moved : 0)) });
  const object = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace: 'default',
      name: `${name}-x7k2p`,
      generateName: `${name}-`,
      labels: {
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: Array.from({ length: ENDPOINTS }, (_, index) => ({
      addresses: [address(index)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `far-${(number + index) % 1000}`,
      zone: 'east',
      targetRef: { kind: 'Pod', namespace: 'default', name: `${name}-5d5c8f9b7c-${index}` },
    })),
  };
  return object;
}

/** By name as by number: the greatest is the last that is listed. */
function nameOf(number: number): string {
  return `svc-${String(number).padStart(5, '0')}`;
}
