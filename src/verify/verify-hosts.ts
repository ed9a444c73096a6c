import type { ClusterState } from '../cluster/cluster-state.ts';
import type { HostState } from '../host/network-state.ts';
import type { NetworkPolicy } from '../kube/objects/network-policy.ts';
import type { AskedPort } from './asked-port.ts';
import { explainBreach } from './cause/explain-breach.ts';
import { findNotes } from './cause/find-notes.ts';
import type { DeclaredPath } from './declared-path.ts';
import { type FabricRoute, SiteMap } from './model/site.ts';
import { proveHosts } from './proof/fleet/prove-fleet.ts';
import { proveRules } from './proof/prove-rules.ts';
import { provePath } from './prove-path.ts';
import { type Note, reportOf, type VerifyReport } from './report.ts';

export interface VerifyHostsOptions {
  /** What the cluster's API says, where that is known. */
  readonly cluster?: ClusterState;
  readonly fabric?: readonly FabricRoute[];
  /** Ports of hosts that are led elsewhere since somebody asked for it. */
  readonly askedPorts?: readonly AskedPort[];
  /** Ways that are to be there beside the rules. */
  readonly paths?: readonly DeclaredPath[];
  /** Network policies: what they may forbid breaks no rule. */
  readonly policies?: readonly NetworkPolicy[];
}

/** From so many on it pays to ask of hosts that are alike but once. */
const MANY_HOSTS = 16;

/** Proves the three rules for hosts whose state is known, with causes and remedies, and notes what else is wrong with them. */
export function verifyHosts(hosts: readonly HostState[], options: VerifyHostsOptions = {}): VerifyReport {
  const proof =
    hosts.length < MANY_HOSTS
      ? proveRules(hosts, { ...options, explain: explainBreach })
      : proveHosts(hosts, { ...options, explain: explainBreach });
  const map = new SiteMap(hosts, options.fabric);
  const report = reportOf(
    proof.rules,
    (options.paths ?? []).map((path) => provePath(path, map)),
  );
  const causes = proof.rules.flatMap(({ violations }) => violations.map(({ cause }) => cause));
  const notes = findNotes(map).filter((note) => !isTold(note, causes));
  return notes.length === 0 ? report : { ...report, notes };
}

/** What notes and causes of breaches both speak of, each in words of its own. */
const TOPICS = [
  /^two networks of pods on one host/,
  /legacy and nft iptables/,
  /^the MTU is too large for the overlay/,
] as const;

function isTold({ what }: Note, causes: readonly string[]): boolean {
  return causes.some((cause) => cause === what || TOPICS.some((topic) => topic.test(what) && topic.test(cause)));
}
