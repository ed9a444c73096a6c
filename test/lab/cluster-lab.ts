import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { formatYaml } from '../../src/error/yaml.ts';
import { readKubeconfig } from '../../src/kube/credentials/kubeconfig.ts';
import { KubeClient } from '../../src/kube/kube-client.ts';
import type { LabStatus, PodStatus } from '../../src/lab/lab-status.ts';
import type { VerifyReport } from '../../src/verify/report.ts';
import { LabUser, type StartedLab, until } from './lab-fixture.ts';

/** Where the agent's configuration is on every host. */
const AGENT_FILE = '/etc/flatnet/agent.yaml';

/** Lines of an agent's configuration, where what it does at once must be told from what it does when it looks at everything. */
export const NO_RESYNC = 'resyncInterval: 3600';

/** A pod for each host, to stand in a lab file. */
export const POD_ON_EACH_HOST = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'app', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'app' } },
    template: {
      metadata: { labels: { app: 'app' } },
      spec: {
        containers: [
          { name: 'app', image: 'app', ports: [{ containerPort: 8080 }, { containerPort: 8080, protocol: 'UDP' }] },
        ],
      },
    },
  },
};

/** A whole cluster in the hands of a test: hosts, pods, the API. */
export class ClusterLab {
  readonly lab: StartedLab;
  readonly status: LabStatus;
  /** A client of the lab's API. */
  readonly client: KubeClient;

  private constructor(lab: StartedLab, status: LabStatus, client: KubeClient) {
    this.lab = lab;
    this.status = status;
    this.client = client;
  }

  /**
   * Starts a lab with a pod on each host, and waits until all of it is ready.
   * @param spec of the document `kind: Lab`
   * @param within milliseconds
   */
  static async start(
    t: TestContext,
    spec: object,
    manifests: readonly object[] = [POD_ON_EACH_HOST],
    within?: number,
  ): Promise<ClusterLab> {
    const user = new LabUser(t);
    const file = path.join(user.directory, 'lab.yaml');
    const document = { apiVersion: 'flatnet.io/v1', kind: 'Lab', spec: { defaultPods: false, ...spec } };
    writeFileSync(file, [document, ...manifests].map(formatYaml).join('---\n'));
    const lab = await user.startLab(['-f', file]);
    await lab.ready(within);
    const status = readStatus(lab);
    const client = new KubeClient(await readKubeconfig(status.api?.kubeconfig ?? assert.fail('no API')));
    t.after(() => client.close());
    return new ClusterLab(lab, status, client);
  }

  /** The lab as it is now. */
  now(): LabStatus {
    return readStatus(this.lab);
  }

  /** The pod on a host. */
  podOn(node: string): PodStatus {
    return this.now().pods.find((pod) => pod.node === node) ?? assert.fail(`no pod on ${node}`);
  }

  /** What a shell prints in a host, a pod or the fabric; the test fails where the shell does. */
  sh(where: string, script: string): string {
    const { status, stdout, stderr } = this.lab.exec(where, 'sh', '-ec', script);
    assert.equal(status, 0, `${where}: ${script}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Whether a shell succeeds. */
  succeeds(where: string, script: string): boolean {
    return this.lab.exec(where, 'sh', '-c', script).status === 0;
  }

  /** What `/readyz` of a host's agent answers. */
  readyz(host: string): string {
    return this.sh(`node/${host}`, 'curl -s http://127.0.0.1:10351/readyz || true');
  }

  verify(): VerifyReport {
    const { stdout, stderr } = this.lab.user.run(['verify', '-o', 'json']);
    return JSON.parse(stdout === '' ? assert.fail(stderr) : stdout) as VerifyReport;
  }

  /** The rules hold, and were looked at. */
  assertVerified(): void {
    const report = this.verify();
    assert.equal(report.verdict, 'holds', JSON.stringify(report, undefined, 1));
    for (const { rule, checked } of report.rules) assert.ok(checked > 0, rule);
  }

  /** Waits until every pod and node reaches every other: a node that has just come is followed by the others in their time. */
  async untilVerified(): Promise<void> {
    await until('the rules hold', () => this.verify().verdict === 'holds');
  }

  /** Adds lines to the configuration of a host's agent, and has it started anew with them. */
  async reconfigureAgent(host: string, lines: string): Promise<void> {
    this.sh(`node/${host}`, `cat >> ${AGENT_FILE} <<'END'\n${lines}\nEND`);
    await this.restartAgent(host);
  }

  /** Kills a host's agent, and waits for its successor. */
  async restartAgent(host: string): Promise<void> {
    this.killAgent(host);
    await this.untilReady(host);
  }

  /** kill -9; the lab starts it again. */
  killAgent(host: string): void {
    this.sh(`node/${host}`, `kill -9 ${this.agentPid(host)}`);
  }

  agentPid(host: string): number {
    const agent = this.now().hosts.find(({ name }) => name === host)?.agent;
    return agent?.pid ?? assert.fail(`no agent runs on ${host}`);
  }

  async untilReady(host: string): Promise<void> {
    await until(`the agent of ${host} is ready`, () => /readyz check passed/.test(this.readyz(host)));
  }

  /** The log of a host's agent, a JSON object a line; but for a line that is being written. */
  agentLog(host: string): readonly Readonly<Record<string, unknown>>[] {
    const file = this.now().hosts.find(({ name }) => name === host)?.agent?.log ?? assert.fail(host);
    return readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }
}

function readStatus(lab: StartedLab): LabStatus {
  return JSON.parse(lab.user.run(['lab', 'status', '--name', lab.name, '-o', 'json']).stdout) as LabStatus;
}
