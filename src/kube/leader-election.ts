import { type Clock, formatKubeMicroTime, systemClock } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import type { Lease } from './objects/lease.ts';
import { LEASES } from './resource.ts';

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Unique to this process: host name and a random part. */
  readonly identity: string;
  readonly signal: AbortSignal;
  /** What the leader does, until its signal aborts; it must not return before. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  readonly clock?: Clock;
  readonly onError?: (error: unknown) => void;
}

/** As kube-controller-manager's defaults, in milliseconds. */
const LEASE_DURATION = 15_000;
const RENEW_DEADLINE = 10_000;
const RETRY_PERIOD = 2_000;

/** The Lease as last seen changing, by our own clock: other hosts' clocks are not trusted. */
interface Observation {
  readonly record: string;
  readonly seenAt: number;
}

/**
 * Runs `lead` whenever this process holds the Lease, and never while another may think that it does. Returns when
 * `signal` aborts, having given the Lease up. Rejects with what `lead` throws.
 */
export async function runAsLeader(options: LeaderElectionOptions): Promise<void> {
  const { signal, clock = systemClock } = options;
  let observation: Observation | undefined;
  while (!signal.aborted) {
    try {
      const attempt = await tryAcquire(options, clock, observation);
      if (attempt.held) await leadWhileHeld(options, clock);
      observation = attempt.observation;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof LeadError) throw error.cause;
      options.onError?.(error);
    }
    await clock.sleep(RETRY_PERIOD, signal).catch(() => {});
  }
}

/** Carries what `lead` threw past the errors of the election itself. */
class LeadError extends Error {}

/** Writes the Lease if it is free, ours, or was not renewed for its whole duration while we watched. */
async function tryAcquire(
  options: LeaderElectionOptions,
  clock: Clock,
  before: Observation | undefined,
): Promise<{ readonly held: boolean; readonly observation: Observation | undefined }> {
  const { client, namespace, name, identity, signal } = options;
  const now = clock.now();
  const lease = await client.find(LEASES, { namespace, name }, { signal });
  if (lease === undefined) {
    const spec = holderSpec(identity, now, undefined);
    await client.create(LEASES, { metadata: { namespace, name }, spec }, { signal });
    return { held: true, observation: undefined };
  }
  const record = JSON.stringify(lease.spec ?? {});
  const observation = before?.record === record ? before : { record, seenAt: now };
  const holder = lease.spec?.holderIdentity ?? '';
  const duration = (lease.spec?.leaseDurationSeconds ?? LEASE_DURATION / 1000) * 1000;
  const free = holder === '' || holder === identity || now - observation.seenAt >= duration;
  if (!free) return { held: false, observation };
  // The resource version makes sure that only one of several takers succeeds.
  await client.update(LEASES, { ...lease, spec: holderSpec(identity, now, lease) }, { signal });
  return { held: true, observation: undefined };
}

function holderSpec(identity: string, now: number, before: Lease | undefined): NonNullable<Lease['spec']> {
  const kept = before?.spec?.holderIdentity === identity ? before.spec : undefined;
  const transitions = before?.spec?.leaseTransitions ?? 0;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: LEASE_DURATION / 1000,
    acquireTime: kept?.acquireTime ?? formatKubeMicroTime(now),
    renewTime: formatKubeMicroTime(now),
    leaseTransitions: kept !== undefined || before === undefined ? transitions : transitions + 1,
  };
}

/** Leads and renews until the signal aborts or the Lease is lost; `lead` has ended when this returns. */
async function leadWhileHeld(options: LeaderElectionOptions, clock: Clock): Promise<void> {
  const term = new AbortController();
  const signal = AbortSignal.any([options.signal, term.signal]);
  const leading = options.lead(signal).finally(() => term.abort());
  // Awaited below; until then a rejection is no accident.
  leading.catch(() => {});
  await renew(options, clock, signal).catch((error) => options.onError?.(error));
  term.abort();
  try {
    await leading;
  } catch (cause) {
    if (!signal.aborted || !(cause instanceof Error && cause.name === 'AbortError'))
      throw new LeadError('the leader failed', { cause });
  } finally {
    await release(options, clock).catch((error) => options.onError?.(error));
  }
}

/** Renews the Lease until it is lost or could not be renewed in time. */
async function renew(options: LeaderElectionOptions, clock: Clock, signal: AbortSignal): Promise<void> {
  const { client, namespace, name, identity } = options;
  let renewedAt = clock.now();
  while (!signal.aborted) {
    try {
      await clock.sleep(RETRY_PERIOD, signal);
    } catch {
      return;
    }
    const now = clock.now();
    // An answer that comes too late must not keep us leading.
    const deadline = AbortSignal.timeout(Math.max(1, renewedAt + RENEW_DEADLINE - now));
    const request = { signal: AbortSignal.any([signal, deadline]) };
    try {
      const lease = await client.get(LEASES, { namespace, name }, request);
      if (lease.spec?.holderIdentity !== identity) return;
      await client.update(LEASES, { ...lease, spec: holderSpec(identity, now, lease) }, request);
      renewedAt = now;
    } catch (error) {
      if (signal.aborted) return;
      options.onError?.(error);
    }
    if (clock.now() - renewedAt >= RENEW_DEADLINE) return;
  }
}

/** Lets the next leader start at once. */
async function release(options: LeaderElectionOptions, clock: Clock): Promise<void> {
  const { client, namespace, name, identity } = options;
  // The caller's signal has usually aborted by now; the farewell gets a short time of its own.
  const signal = AbortSignal.timeout(2_000);
  const lease = await client.find(LEASES, { namespace, name }, { signal });
  if (lease?.spec?.holderIdentity !== identity) return;
  const spec = {
    ...lease.spec,
    holderIdentity: '',
    leaseDurationSeconds: 1,
    renewTime: formatKubeMicroTime(clock.now()),
  };
  await client.update(LEASES, { ...lease, spec }, { signal });
}
