import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseInterfaceAddress } from '../../src/address/prefix.ts';
import { startApiServer } from '../../src/apiserver/api-server.ts';
import type { ServerCredentials } from '../../src/apiserver/server-credentials.ts';
import type { PodStreams } from '../../src/apiserver/streams/pod-streams.ts';
import type { Clock } from '../../src/kube/clock.ts';
import { fixedToken } from '../../src/kube/credentials/token-source.ts';
import { KubeClient } from '../../src/kube/kube-client.ts';
import { PODS } from '../../src/kube/resource.ts';
import { RunningHost } from '../../src/lab/host.ts';
import { createHostDisk, type HostDisk } from '../../src/lab/host-disk.ts';
import { HOST_PATHS } from '../../src/lab/lab-host.ts';
import { type PodRuntime, startRuntime } from '../../src/lab/runtime/pod-runtime.ts';
import type { RuntimePod, RuntimePodSpec } from '../../src/lab/runtime/pod-spec.ts';

const PLUGINS = '/usr/lib/cni';
const DEADLINE = 300_000;
/** What clients of the API show. */
export const TOKEN = 'secret';

/** Why these tests can't run here, or false. */
export const cannotRun = ['ptp', 'host-local'].every((name) => existsSync(path.join(PLUGINS, name)))
  ? false
  : 'the reference CNI plugins are not installed in /usr/lib/cni';

interface SiteOptions {
  /** The API's certificate, where clients other than the site's own come too. */
  readonly tls?: ServerCredentials;
  /** The runtime's. */
  readonly clock?: Clock;
}

/** An API server and one host with the reference plugins, which note how they are called. */
export class RuntimeSite {
  /** Of the API. */
  readonly url: string;
  readonly client: KubeClient;
  readonly errors: unknown[] = [];
  host: RunningHost;
  runtime: PodRuntime;
  readonly #disk: HostDisk;
  readonly #clock: Clock | undefined;
  readonly #stop = new AbortController();

  private constructor(
    url: string,
    client: KubeClient,
    disk: HostDisk,
    streams: { current?: PodStreams },
    clock: Clock | undefined,
  ) {
    this.url = url;
    this.client = client;
    this.#disk = disk;
    this.#clock = clock;
    [this.host, this.runtime] = this.#boot();
    this.streams = streams;
    streams.current = this.runtime.streams;
  }

  readonly streams: { current?: PodStreams };

  static async create(t: TestContext, { tls, clock }: SiteOptions = {}): Promise<RuntimeSite> {
    const streams: { current?: PodStreams } = {};
    const need = () => {
      assert.ok(streams.current);
      return streams.current;
    };
    const server = await startApiServer({
      listen: [{ host: '127.0.0.1', port: 0 }],
      token: TOKEN,
      ...(tls !== undefined && { tls }),
      podStreams: {
        logs: (...all) => need().logs(...all),
        exec: (...all) => need().exec(...all),
        attach: (...all) => need().attach(...all),
        portForward: (...all) => need().portForward(...all),
      },
    });
    const resources = new AsyncDisposableStack();
    t.after(() => resources.disposeAsync());
    resources.defer(() => server.close());
    const [url = ''] = server.urls;
    const authority = tls === undefined ? {} : { certificateAuthority: Buffer.from(tls.caCertificate) };
    const client = new KubeClient({ server: new URL(url), token: fixedToken(TOKEN), ...authority });
    resources.defer(() => client.close());
    const directory = mkdtempSync(path.join(os.tmpdir(), 'flatnet-runtime-'));
    resources.defer(() => rmSync(directory, { recursive: true }));
    const disk: HostDisk = { directory, keep: [] };
    createHostDisk(disk, new Map());
    installPlugins(directory);
    const site = new RuntimeSite(url, client, disk, streams, clock);
    resources.defer(() => site.end());
    return site;
  }

  #boot(): [RunningHost, PodRuntime] {
    const addresses = ['192.0.2.10/24', '2001:db8::10/64'].map(parseInterfaceAddress);
    const host = new RunningHost({ name: 'node-1', addresses, labels: {}, zone: 'a' }, this.#disk, {});
    const runtime = startRuntime({
      host,
      client: this.client,
      dns: { servers: ['10.96.0.10'], domain: 'cluster.local' },
      apiAccess: { token: 'account-token' },
      signal: this.#stop.signal,
      onError: (error) => this.errors.push(error),
      ...(this.#clock !== undefined && { clock: this.#clock }),
    });
    return [host, runtime];
  }

  /** Cuts the host's power and boots it again. */
  async reboot(): Promise<void> {
    this.host.powerOff();
    await this.runtime.close();
    [this.host, this.runtime] = this.#boot();
    this.streams.current = this.runtime.streams;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.runtime.close();
    this.host.powerOff();
  }

  async createPod(name: string, spec: Partial<RuntimePodSpec>, metadata: object = {}): Promise<void> {
    const pod = {
      metadata: { namespace: 'default', name, ...metadata },
      spec: { nodeName: 'node-1', terminationGracePeriodSeconds: 2, containers: [], ...spec },
    };
    await this.client.create(PODS, pod);
  }

  async pod(name: string): Promise<RuntimePod> {
    return (await this.client.get(PODS, { namespace: 'default', name })) as RuntimePod;
  }

  /** What a container has written so far, or in its previous run. */
  async logs(pod: string, container: string, previous = false): Promise<string> {
    const log = this.runtime.container({ namespace: 'default', pod, container }).log({ previous });
    return await text(log.read({ follow: false, previous, timestamps: false }));
  }

  /** Waits until something holds of a pod, and returns it. */
  async untilPod(name: string, holds: (pod: RuntimePod) => boolean): Promise<RuntimePod> {
    const deadline = Date.now() + DEADLINE;
    for (;;) {
      const pod = await this.pod(name);
      if (holds(pod)) return pod;
      if (Date.now() > deadline)
        assert.fail(`${name}: ${JSON.stringify(pod.status, null, 1)}\n${this.errors.map(String).join('\n')}`);
      await sleep(20);
    }
  }

  async untilReady(name: string): Promise<RuntimePod> {
    return await this.untilPod(name, isReady);
  }

  /** Waits until a directory of the host is empty. */
  async untilEmpty(directory: string): Promise<void> {
    const deadline = Date.now() + DEADLINE;
    while (readdirSync(this.host.path(directory)).length > 0) {
      assert.ok(Date.now() < deadline, `${directory} holds ${readdirSync(this.host.path(directory)).join(', ')}`);
      await sleep(20);
    }
  }

  async untilGone(name: string): Promise<void> {
    const deadline = Date.now() + DEADLINE;
    while ((await this.client.find(PODS, { namespace: 'default', name })) !== undefined) {
      assert.ok(Date.now() < deadline, `${name} is still there`);
      await sleep(20);
    }
  }
}

/** Whether the pod's Ready condition is True. */
export function isReady({ status }: RuntimePod): boolean {
  return status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}

/** The file of the host in which the plugin notes its calls. */
export const CALLS_FILE = '/run/cni-calls';

function installPlugins(disk: string): void {
  const bin = path.join(disk, 'opt-cni', 'bin');
  copyFileSync(path.join(PLUGINS, 'host-local'), path.join(bin, 'host-local'));
  copyFileSync(path.join(PLUGINS, 'ptp'), path.join(bin, 'ptp.real'));
  const wrapper = `#!/bin/sh\necho "$CNI_COMMAND|$CNI_NETNS|$CNI_ARGS" >> ${CALLS_FILE}\nexec ${HOST_PATHS.cniBin}/ptp.real\n`;
  writeFileSync(path.join(bin, 'ptp'), wrapper);
  chmodSync(path.join(bin, 'ptp'), 0o755);
  const ranges = [[{ subnet: '10.244.0.0/24' }], [{ subnet: 'fd00:10:244::/64' }]];
  const list = {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [{ type: 'ptp', ipam: { type: 'host-local', dataDir: '/var/lib/cni/networks', ranges } }],
  };
  writeFileSync(path.join(disk, 'etc-cni', 'net.d', '10-pods.conflist'), JSON.stringify(list));
}
