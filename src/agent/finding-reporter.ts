import type { ClusterFinding } from '../cluster/cluster-finding.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { Conflict } from '../plan/conflict.ts';
import { describeConflict } from '../plan/conflict.ts';
import type { Finding } from '../plan/finding.ts';
import type { AgentLogger } from './agent-logger.ts';
import type { Readiness } from './readiness.ts';

export interface FindingReporterOptions {
  readonly node: string;
  readonly readiness: Readiness;
  readonly events: EventRecorder;
  readonly log: AgentLogger;
}

/** What is found is told once, when it appears, and again only after it had gone: in the log, as an Event, in readiness. */
export class FindingReporter {
  readonly #options: FindingReporterOptions;
  #told = new Set<string>();

  constructor(options: FindingReporterOptions) {
    this.#options = options;
  }

  report(findings: readonly Finding[], conflicts: readonly Conflict[], objects: readonly ClusterFinding[]): void {
    const texts = new Map<string, { readonly reason: string; readonly severity: Finding['severity'] }>();
    for (const { severity, code, message, remedy } of findings)
      texts.set(withRemedy(message, remedy), { reason: reasonOf(code), severity });
    for (const conflict of conflicts)
      texts.set(describeConflict(conflict), { reason: 'PrefixConflict', severity: 'refusal' });
    for (const { object, field, message } of objects)
      texts.set(`${object}: ${field}: ${message}`, { reason: 'InvalidObject', severity: 'warning' });

    const { log, events, node } = this.#options;
    for (const [text, { reason, severity }] of texts) {
      if (this.#told.has(text)) continue;
      log[severity === 'refusal' ? 'error' : 'warn']({ reason }, text);
      events.record(
        { apiVersion: 'v1', kind: 'Node', name: node, uid: node },
        { type: 'Warning', reason, message: text },
      );
    }
    this.#told = new Set(texts.keys());
    this.#setConditions(findings, conflicts);
  }

  #setConditions(findings: readonly Finding[], conflicts: readonly Conflict[]): void {
    const { readiness } = this.#options;
    const refusals = findings.filter(({ severity }) => severity === 'refusal');
    const forward = findings.filter(isAboutForwarding);
    const others = findings.filter((finding) => finding.severity === 'warning' && !isAboutForwarding(finding));
    const join = (list: readonly Finding[]) =>
      list.map(({ message, remedy }) => withRemedy(message, remedy)).join('; ');
    if (refusals.length > 0) readiness.set('plan', 'failed', join(refusals));
    else readiness.set('plan', others.length === 0 ? 'ok' : 'warning', join(others));
    readiness.set('ranges', conflicts.length === 0 ? 'ok' : 'failed', conflicts.map(describeConflict).join('; '));
    readiness.set('forwarding', forward.length === 0 ? 'ok' : 'warning', join(forward));
  }
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
