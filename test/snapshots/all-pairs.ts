import { formatAddress } from '../../src/address/address.ts';
import { SiteMap } from '../../src/verify/model/site.ts';
import { readSnapshot } from '../../src/verify/snapshot/read-snapshot.ts';
import { type TraceOutcome, trace } from '../../src/verify/trace.ts';

/** What the three rules ask of one pair: `ok`, or what else became of the packet or its answer. */
export interface PairResult {
  readonly from: string;
  readonly to: string;
  readonly result: string;
  readonly outcomes: readonly TraceOutcome[];
}

/** Sends one packet for each pair that the rules speak of, one by one and by the one-packet model alone. */
export function allPairs(files: ReadonlyMap<string, string>): readonly PairResult[] {
  const { hosts, cluster } = readSnapshot(files);
  const map = new SiteMap(hosts);
  const ends = [...(cluster?.nodes.values() ?? [])].map(({ name, addresses }) => ({
    name: `node/${name}`,
    addresses,
    pod: false,
  }));
  for (const { namespace, name, addresses } of cluster?.pods.values() ?? [])
    ends.push({ name: `pod/${namespace}/${name}`, addresses, pod: true });
  return ends.flatMap((from) =>
    ends.flatMap((to): readonly PairResult[] => {
      const [site, meant] = [map.find(from.name), map.find(to.name)];
      const [own, address] = [from.addresses[0], to.addresses[0]];
      if (site === undefined || meant === undefined || own === undefined || address === undefined) return [];
      if (from === to || !(from.pod || to.pod)) return [];
      const sources = from.pod ? [undefined] : [undefined, own];
      return sources.map((source) => {
        const outcomes = trace(map, {
          from: site,
          to: address,
          meant,
          probe: { protocol: 'tcp', port: 80, sourcePort: 40000, ...(source !== undefined && { source }) },
        });
        return {
          from: source === undefined ? from.name : `${from.name} as its InternalIP`,
          to: to.name,
          result:
            outcomes === undefined
              ? 'no way to begin'
              : judge(outcomes, source === undefined ? sentFrom(outcomes) : formatAddress(source)),
          outcomes: outcomes ?? [],
        };
      });
    }),
  );
}

/** The sender's own address, as the first hop tells. */
function sentFrom([outcome]: readonly TraceOutcome[]): string {
  return /^\S+ (\S+):\d+ →/.exec(outcome?.hops[0]?.detail ?? '')?.[1] ?? '';
}

function judge(outcomes: readonly TraceOutcome[], source: string): string {
  const results = outcomes.map(({ verdict, source: seen, reply }) => {
    if (verdict !== 'delivered') return verdict;
    const shown = seen.replace(/:\d+$/, '');
    if (shown !== source) return `seen as ${shown}`;
    const lost = reply?.find((answer) => answer.verdict !== 'delivered');
    return lost === undefined ? 'ok' : `answer ${lost.verdict}`;
  });
  return [...new Set(results)].join(' or ');
}
