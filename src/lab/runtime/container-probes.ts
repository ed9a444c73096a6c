import type { Clock } from '../../kube/clock.ts';
import type { HandlerResult } from './handler-run.ts';
import type { Probe, RuntimeContainer } from './pod-spec.ts';
import { ProbeThreshold, probeTiming } from './probe-threshold.ts';

export type ProbeKind = 'Startup' | 'Readiness' | 'Liveness';

export interface ProbeWatch {
  readonly container: RuntimeContainer;
  readonly clock: Clock;
  /** Aborts when the run of the container is over. */
  readonly signal: AbortSignal;
  readonly run: (probe: Probe, timeout: number) => Promise<HandlerResult>;
  readonly onStarted: () => void;
  readonly onReady: (ready: boolean) => void;
  readonly onUnhealthy: (kind: ProbeKind, message: string) => void;
  /** The startup or liveness probe has given the container up. */
  readonly onDead: (kind: 'startup' | 'liveness', probe: Probe) => Promise<void>;
}

/** Probes one run of a container until it is over: startup first, and readiness and liveness once that has succeeded. */
export async function watchProbes(watch: ProbeWatch): Promise<void> {
  const { container, onStarted, onReady, onDead } = watch;
  const { startupProbe, readinessProbe, livenessProbe } = container;
  if (startupProbe !== undefined) {
    const verdict = await follow('Startup', startupProbe, watch, () => true);
    if (verdict === 'failure') return await onDead('startup', startupProbe);
    if (verdict === undefined) return;
    onStarted();
  }
  await Promise.all([
    readinessProbe === undefined
      ? undefined
      : follow('Readiness', readinessProbe, watch, (verdict) => {
          onReady(verdict === 'success');
          return false;
        }),
    livenessProbe === undefined
      ? undefined
      : follow('Liveness', livenessProbe, watch, (verdict) => verdict === 'failure').then((verdict) =>
          verdict === 'failure' ? onDead('liveness', livenessProbe) : undefined,
        ),
  ]);
}

/** Runs one probe at its period and tells each change of its verdict, until told to end. @returns the last verdict told */
async function follow(
  kind: ProbeKind,
  probe: Probe,
  { clock, signal, run, onUnhealthy }: ProbeWatch,
  onVerdict: (verdict: 'success' | 'failure') => boolean,
): Promise<'success' | 'failure' | undefined> {
  const { delay, period, timeout } = probeTiming(probe);
  // A container is not ready before its first success, and alive until enough failures.
  const threshold = new ProbeThreshold(
    probe,
    kind === 'Readiness' ? 'failure' : kind === 'Liveness' ? 'success' : undefined,
  );
  try {
    await clock.sleep(delay, signal);
    while (!signal.aborted) {
      const { success, message } = await run(probe, timeout);
      if (signal.aborted) return undefined;
      if (!success) onUnhealthy(kind, message);
      const verdict = threshold.note(success ? 'success' : 'failure');
      if (verdict !== undefined && onVerdict(verdict)) return verdict;
      await clock.sleep(period, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return undefined;
}
