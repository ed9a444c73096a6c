import type * as prometheus from 'prom-client';
import { reportError } from '../cni/cni-error.ts';
import { LATEST_CNI_VERSION } from '../cni/version.ts';
import type { NodePlan } from '../plan/node-plan.ts';
import { RULE_NAMES, type RuleName } from '../verify/report.ts';
import { Counter, Gauge, Histogram, Registry } from './prometheus.ts';
import type { Condition } from './readiness.ts';

/** The agent's metrics, in a registry of their own. Process figures are read when somebody asks, by no timer. */
export class AgentMetrics {
  readonly registry = new Registry();
  readonly reconcileDuration: prometheus.Histogram;
  readonly serviceDuration: prometheus.Histogram;
  readonly reconcileErrors: prometheus.Counter;
  readonly changes: prometheus.Counter<'kind'>;
  readonly cniRequests: prometheus.Counter<'command' | 'code'>;
  readonly cniDuration: prometheus.Histogram<'command'>;
  readonly attachments: prometheus.Gauge;
  readonly peers: prometheus.Gauge<'path'>;
  readonly condition: prometheus.Gauge<'name' | 'state'>;
  readonly planBreaches: prometheus.Gauge<'rule'>;
  readonly api: prometheus.Gauge;

  constructor() {
    const registers = [this.registry];
    const seconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5];
    this.reconcileDuration = new Histogram({
      name: 'flatnet_reconcile_duration_seconds',
      help: 'Time taken to bring the kernel to the planned state.',
      buckets: seconds,
      registers,
    });
    this.serviceDuration = new Histogram({
      name: 'flatnet_service_change_duration_seconds',
      help: 'Time taken to bring changes of services into the kernel.',
      buckets: seconds,
      registers,
    });
    this.reconcileErrors = new Counter({
      name: 'flatnet_reconcile_errors_total',
      help: 'Reconciliations that failed in part or whole.',
      registers,
    });
    this.changes = new Counter({
      name: 'flatnet_changes_total',
      help: 'Changes applied to the kernel.',
      labelNames: ['kind'],
      registers,
    });
    this.cniRequests = new Counter({
      name: 'flatnet_cni_requests_total',
      help: 'CNI requests answered, by command and error code (0 for success).',
      labelNames: ['command', 'code'],
      registers,
    });
    this.cniDuration = new Histogram({
      name: 'flatnet_cni_duration_seconds',
      help: 'Time from a CNI request to its answer.',
      labelNames: ['command'],
      buckets: seconds,
      registers,
    });
    this.attachments = new Gauge({ name: 'flatnet_attachments', help: 'Pod interfaces on this node.', registers });
    this.peers = new Gauge({
      name: 'flatnet_peer_prefixes',
      help: 'Prefixes of other nodes, by the path taken to them.',
      labelNames: ['path'],
      registers,
    });
    this.condition = new Gauge({
      name: 'flatnet_condition',
      help: 'Readiness conditions: 1 for the state that holds.',
      labelNames: ['name', 'state'],
      registers,
    });
    this.planBreaches = new Gauge({
      name: 'flatnet_plan_breaches',
      help: 'Causes for which the plan at hand would break a rule for this node or its pods; absent where plans are not proved.',
      labelNames: ['rule'],
      registers,
    });
    this.api = new Gauge({ name: 'flatnet_api_reachable', help: '1 if the API has been heard of lately.', registers });
    addProcessMetrics(registers);
  }

  showCondition(name: string, state: Condition['state']): void {
    for (const each of ['ok', 'warning', 'failed'] as const)
      this.condition.set({ name, state: each }, each === state ? 1 : 0);
  }

  showPlan(plan: NodePlan, attachments: number): void {
    this.attachments.set(attachments);
    this.peers.reset();
    for (const { path } of plan.paths) this.peers.inc({ path: path.kind });
  }

  /** @param broken the rule of each cause */
  showBreaches(broken: readonly RuleName[]): void {
    for (const rule of RULE_NAMES) this.planBreaches.set({ rule }, broken.filter((one) => one === rule).length);
  }

  showRequest(command: string, error: unknown, milliseconds: number): void {
    const code = error === undefined ? 0 : cniCodeOf(error);
    this.cniRequests.inc({ command, code });
    this.cniDuration.observe({ command }, milliseconds / 1000);
  }

  showApi(reachable: boolean): void {
    this.api.set(reachable ? 1 : 0);
  }
}

function cniCodeOf(error: unknown): number {
  return reportError(error, LATEST_CNI_VERSION).code;
}

/** The process figures that every exporter has, under the names that dashboards look for. */
function addProcessMetrics(registers: prometheus.Registry[]): void {
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory size in bytes.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time spent in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.set((user + system) / 1e6);
    },
  });
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start time of the process since the epoch in seconds.',
    registers,
  }).set(Math.round(Date.now() / 1000 - process.uptime()));
}
