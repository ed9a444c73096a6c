import { fleetOf } from '../verify/proof/fleet/fleet.ts';
import { proveFleet } from '../verify/proof/fleet/prove-fleet.ts';
import { type RuleReport, reportOf, type UnknownFact, type VerifyReport } from '../verify/report.ts';
import { verifyHosts } from '../verify/verify-hosts.ts';
import type { PlannedHosts } from './plan-hosts.ts';

/** Clusters of more hosts are proved by pairs of hosts that are alike, and without notes. */
const MOST_ONE_BY_ONE = 64;

/** Proves the rules for planned hosts. */
export function verifyPlanned({ hosts, cluster, fabric }: PlannedHosts): VerifyReport {
  if (hosts.length <= MOST_ONE_BY_ONE) return verifyHosts(hosts, { cluster, fabric });
  const { rules } = proveFleet(fleetOf(hosts, { fabric }));
  const planned = new Set(hosts.map(({ name }) => name));
  const absent = [...cluster.nodes.keys()]
    .filter((name) => !planned.has(name))
    .map(
      (name): UnknownFact => ({
        host: `node/${name}`,
        what: 'it can not be planned',
        matters: 'every pair that it is part of',
      }),
    );
  if (absent.length === 0) return reportOf(rules);
  return reportOf(
    rules.map((rule): RuleReport => {
      const verdict = rule.verdict === 'holds' ? 'unknown' : rule.verdict;
      return { ...rule, verdict, unknown: [...rule.unknown, ...absent] };
    }),
  );
}
