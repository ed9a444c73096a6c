/** Labs with services: applications behind them, and who is answered by whom. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Wiring } from '../../src/cni/attachment.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import type { Service, ServiceSpec } from '../../src/kube/objects/service.ts';
import { DEPLOYMENTS, SERVICES } from '../../src/kube/resource.ts';
import { ClusterLab, POD_ON_EACH_HOST } from './cluster-lab.ts';
import { until } from './lab-fixture.ts';

/** What a Deployment's pods have besides. */
interface ApplicationPods {
  readonly containerPort?: object;
  readonly container?: object;
  readonly pod?: object;
}

/** A Deployment whose pods have a service named after it, with a port of TCP and one of UDP. */
export function application(
  name: string,
  replicas: number,
  spec: ServiceSpec & ApplicationPods = {},
): readonly (KubeObject & { readonly spec: object })[] {
  const labels = { app: name };
  const { containerPort, container, pod, ...rest } = spec;
  const ports = [
    { name: 'http', containerPort: 8080, ...containerPort },
    { name: 'echo', containerPort: 8080, protocol: 'UDP' },
  ];
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { ...pod, containers: [{ name, image: name, ports, ...container }] } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: {
        selector: labels,
        ipFamilyPolicy: 'PreferDualStack',
        ports: [
          { name: 'http', port: 80, targetPort: 'http' },
          { name: 'echo', port: 80, targetPort: 'echo', protocol: 'UDP' },
        ],
        ...rest,
      },
    },
  ];
}

export async function start(t: TestContext, wiring: Wiring, ...applications: readonly (readonly object[])[]) {
  const cluster = await ClusterLab.start(t, { wiring }, [POD_ON_EACH_HOST, ...applications.flat()]);
  await cluster.untilVerified();
  return new ServiceLab(cluster);
}

/** What an HTTP answer says: who gave it, and whom he saw. */
export interface Answer {
  readonly pod: string;
  readonly node: string;
  readonly client: string;
}

export class ServiceLab {
  readonly cluster: ClusterLab;

  constructor(cluster: ClusterLab) {
    this.cluster = cluster;
  }

  /**
   * Asks over HTTP: the answer, or curl's exit code.
   * @param patience seconds until one who doesn't even accept is taken for silent
   */
  ask(where: string, address: string, port = 80, patience = 10): Answer | number {
    const { status, stdout } = this.page(where, address, port, patience);
    if (status !== 0) return status ?? -1;
    const { pod, node, client } = JSON.parse(stdout);
    return { pod, node, client: client.address };
  }

  /** What curl prints of whoever is there, and its exit code. */
  page(where: string, address: string, port = 80, patience = 10) {
    const url = `http://${urlHost(address)}:${port}/`;
    const limits = ['--connect-timeout', `${patience}`, '--max-time', '60'];
    return this.cluster.lab.exec(where, 'curl', '-sS', ...limits, '-H', 'accept: application/json', url);
  }

  /** Asks over HTTP until there is an answer: agents follow what is new one by one, each in its time. */
  async untilAnswered(where: string, address: string, port = 80): Promise<Answer> {
    const answers: Answer[] = [];
    await until(`${address} port ${port} answers ${where}`, () => {
      const answer = this.ask(where, address, port);
      if (typeof answer !== 'number') answers.push(answer);
      return answers.length > 0;
    });
    return answers[0] ?? assert.fail();
  }

  /** Sends a datagram and returns what comes back; where that is nothing, again: queues of a busy machine may drop one. */
  echo(where: string, address: string, port = 80): string {
    const attempt = 'echo hello >&3; line=$(timeout 5 head -n 1 <&3); [ -n "$line" ] && echo "$line" && exit';
    const script = `exec 3<>/dev/udp/${address}/${port}; for attempt in 1 2 3 4; do ${attempt}; done`;
    return this.cluster.lab.exec(where, 'bash', '-c', script).stdout;
  }

  /** The nodes of all that answer when they are asked many times. */
  answerers(where: string, address: string, port = 80): ReadonlySet<string> {
    return new Set(this.askOften(where, address, 20, port).map(({ node }) => node));
  }

  /** Asks many times, one after the other; the answers that came. */
  askOften(where: string, address: string, times: number, port = 80): readonly Pick<Answer, 'pod' | 'node'>[] {
    const url = `http://${urlHost(address)}:${port}/`;
    const ask = `curl -s --connect-timeout 10 --max-time 60 -H 'accept: application/json' ${url}; echo`;
    const { stdout } = this.cluster.lab.exec(where, 'sh', '-c', `for i in $(seq ${times}); do ${ask}; done`);
    const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line));
  }

  addresses(service: string): readonly string[] {
    const found = this.cluster.now().services.find(({ name }) => name === service);
    return found?.addresses ?? assert.fail(`no service ${service}`);
  }

  nodePort(service: string): number {
    const found = this.cluster.now().services.find(({ name }) => name === service);
    return found?.ports[0]?.nodePort ?? assert.fail(`service ${service} has no node port`);
  }

  nodeAddress(node: string, family: 0 | 1): string {
    const host = this.cluster.status.hosts.find(({ name }) => name === node);
    return host?.addresses[family] ?? assert.fail(node);
  }

  /** A pod of the Deployment or DaemonSet on a node. */
  podOf(app: string, node?: string) {
    const pods = this.cluster.now().pods.filter(({ name, ready }) => name.startsWith(`${app}-`) && ready);
    return pods.find((pod) => node === undefined || pod.node === node) ?? assert.fail(`no pod of ${app}`);
  }

  async scale(name: string, replicas: number): Promise<void> {
    await this.cluster.client.patch(DEPLOYMENTS, { namespace: 'default', name }, { spec: { replicas } });
  }

  patch(name: string, patch: unknown): Promise<Service> {
    return this.cluster.client.patch(SERVICES, { namespace: 'default', name }, patch);
  }
}

function urlHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
