import type { ClusterFinding } from '../cluster/cluster-finding.ts';
import type { Clock } from '../kube/clock.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { Conflict } from '../plan/conflict.ts';
import { conflictError, describeConflict } from '../plan/conflict.ts';
import type { Finding } from '../plan/finding.ts';
import type { AgentLogger } from './agent-logger.ts';
import type { Readiness } from './readiness.ts';

export interface FindingReporterOptions {
  readonly node: string;
  readonly readiness: Readiness;
  readonly events: EventRecorder;
  readonly log: AgentLogger;
  readonly clock: Clock;
}

/** What a cluster that starts goes through by itself, and what is worth telling only when it lasts. */
const TRANSIENT: ReadonlySet<Finding['code']> = new Set([
  'node-unknown',
  'node-without-prefix',
  'peer-without-prefix',
  'peer-without-address',
  'peer-unreachable',
  'mtu-mismatch',
]);
/** Milliseconds that a transient finding must have lasted. */
const PATIENCE = 15_000;
/** Findings that a condition's message names; there may be one for every node of the cluster. */
const NAMED = 3;

interface Report {
  readonly reason: string;
  readonly severity: Finding['severity'];
  readonly transient: boolean;
}

/**
 * What is found is told once, when it appears, and again only after it had gone: in readiness at once, in the log and as
 * an Event when it isn't about to pass by itself.
 */
export class FindingReporter {
  readonly #options: FindingReporterOptions;
  /** When what is there now was first seen, and whether it was told. */
  #seen = new Map<string, { readonly since: number; readonly told: boolean }>();

  constructor(options: FindingReporterOptions) {
    this.#options = options;
  }

  report(findings: readonly Finding[], conflicts: readonly Conflict[], objects: readonly ClusterFinding[]): void {
    const reports = new Map<string, Report>();
    for (const { severity, code, message, remedy } of findings)
      reports.set(withRemedy(message, remedy), { reason: reasonOf(code), severity, transient: TRANSIENT.has(code) });
    for (const conflict of conflicts)
      reports.set(describeConflict(conflict), { reason: 'PrefixConflict', severity: 'refusal', transient: false });
    for (const { object, field, message } of objects)
      reports.set(`${object}: ${field}: ${message}`, {
        reason: 'InvalidObject',
        severity: 'warning',
        transient: false,
      });

    const now = this.#options.clock.now();
    const seen = new Map<string, { since: number; told: boolean }>();
    for (const [text, report] of reports) {
      const { since, told } = this.#seen.get(text) ?? { since: now, told: false };
      const due = !told && (!report.transient || now - since >= PATIENCE);
      if (due) this.#tell(text, report);
      seen.set(text, { since, told: told || due });
    }
    this.#seen = seen;
    this.#setConditions(findings, conflicts);
  }

  #tell(message: string, { reason, severity }: Report): void {
    const { log, events, node } = this.#options;
    log[severity === 'refusal' ? 'error' : 'warn']({ reason }, message);
    events.record({ apiVersion: 'v1', kind: 'Node', name: node, uid: node }, { type: 'Warning', reason, message });
  }

  #setConditions(findings: readonly Finding[], conflicts: readonly Conflict[]): void {
    const { readiness } = this.#options;
    const refusals = findings.filter(({ severity }) => severity === 'refusal');
    const forward = findings.filter(isAboutForwarding);
    const others = findings.filter((finding) => finding.severity === 'warning' && !isAboutForwarding(finding));
    if (refusals.length > 0) readiness.set('plan', 'failed', join(refusals));
    else readiness.set('plan', others.length === 0 ? 'ok' : 'warning', join(others));
    if (conflicts.length === 0) readiness.set('ranges', 'ok');
    else
      readiness.set(
        'ranges',
        'failed',
        withRemedy(conflicts.map(describeConflict).join('; '), conflictError(conflicts).remedy),
      );
    readiness.set('forwarding', forward.length === 0 ? 'ok' : 'warning', join(forward));
  }
}

function join(list: readonly Finding[]): string {
  const texts = list.slice(0, NAMED).map(({ message, remedy }) => withRemedy(message, remedy));
  return [...texts, ...(list.length > NAMED ? [`and ${list.length - NAMED} more`] : [])].join('; ');
}

function isAboutForwarding({ code }: Finding): boolean {
  return code === 'forward-dropped' || code === 'forward-unknown';
}

function withRemedy(message: string, remedy: string | undefined): string {
  return remedy === undefined ? message : `${message}; ${remedy}`;
}

/** `peer-without-prefix` → `PeerWithoutPrefix`. */
function reasonOf(code: Finding['code']): string {
  return code.replace(/(^|-)([a-z])/g, (_, _dash, letter: string) => letter.toUpperCase());
}
