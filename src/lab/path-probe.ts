import { type Address, formatAddress, sameAddress } from '../address/address.ts';
import type { Participant } from '../probe/matrix.ts';
import { formatSocketAddress } from '../probe/socket/socket-address.ts';
import type { DeclaredPath } from '../verify/declared-path.ts';
import { packetText, reachability } from '../verify/prove-path.ts';
import type { PathReport, RuleName } from '../verify/report.ts';
import { ask, parseStandInReport, type StandInReport } from './ask.ts';

/** Sends a packet along a declared path, to the built-in server that is to be at its end, and tells what became of it. */
export async function probePath(
  path: DeclaredPath,
  participants: readonly Participant[],
  signal: AbortSignal,
): Promise<PathReport> {
  const from = participants.find(({ id }) => id === path.from);
  const report = (
    verdict: PathReport['verdict'],
    seen: string,
    source?: Address,
    against: readonly RuleName[] = [],
  ) => ({
    path: path.name,
    verdict,
    from: path.from,
    to: path.to,
    packet: packetText(path, source),
    seen,
    against,
  });
  if (from === undefined) return report('unknown', `${path.from} isn't there`);
  if (path.protocol !== 'tcp') return report('unknown', 'nothing at its end would answer but over TCP');
  const asked = await ask(from.namespace, path.address, path.port, signal);
  if (asked.kind === 'failed') return report('violated', `no answer: ${asked.reason}`);
  const answer = parseStandInReport(asked.body);
  if (answer === undefined) return report('violated', 'something else answered', asked.sentFrom);
  const by = receiverOf(answer, participants);
  const { client, server } = answer;
  const seen = `delivered to ${by} at ${formatSocketAddress(server)}, which sees ${formatAddress(client.address)}`;
  if (by !== path.to) return report('violated', seen, asked.sentFrom);
  const against: RuleName[] = [];
  if (!sameAddress(client.address, asked.sentFrom)) against.push('same-address');
  if (against.length > 0 || !sameAddress(server.address, path.address)) against.unshift(reachability(path));
  return report('holds', seen, asked.sentFrom, against);
}

/** Who answered, as those who send and answer are called: a container on its host's network is the host. */
export function receiverOf({ namespace, pod, node }: StandInReport, participants: readonly Participant[]): string {
  const id = `pod/${namespace}/${pod}`;
  return participants.some((one) => one.id === id) ? id : `node/${node}`;
}
