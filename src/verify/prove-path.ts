import { type Address, formatAddress, sameAddress } from '../address/address.ts';
import { PROTOCOL_NUMBERS } from '../address/protocol.ts';
import type { DeclaredPath } from './declared-path.ts';
import { doubtsOf } from './doubt.ts';
import { firstPacket } from './model/first-packet.ts';
import { type RoundTrip, tripsOf } from './model/round-trip.ts';
import type { SiteMap } from './model/site.ts';
import { Walk } from './model/walk.ts';
import type { PathReport, RuleName } from './report.ts';

/** Where the kernel begins to draw ports for whoever connects (net.ipv4.ip_local_port_range). */
const SOURCE_PORT = 32768;

/** Follows a packet along a declared path, and its answer back: what becomes of it in all the ways that it may go. */
export function provePath(path: DeclaredPath, map: SiteMap): PathReport {
  const { protocol, address, port } = path;
  const from = map.find(path.from);
  const sent =
    from &&
    firstPacket(from, address, {
      protocol: PROTOCOL_NUMBERS[protocol],
      sourcePort: SOURCE_PORT,
      destinationPort: port,
    });
  const trips = from === undefined || sent === undefined ? [] : tripsOf(new Walk(map), from, sent);
  const judged = trips.map((trip) => judgeTrip(path, sent?.source ?? address, trip));
  const worst =
    judged.find(({ verdict }) => verdict === 'violated') ??
    judged.find(({ verdict }) => verdict === 'unknown') ??
    judged[0];
  const about = { path: path.name, from: path.from, to: path.to };
  if (worst !== undefined) return { ...about, ...worst };
  const packet = packetText(path);
  const seen = from === undefined ? `${path.from} isn't there` : `${path.from} has no way to begin`;
  return { ...about, verdict: from === undefined ? 'unknown' : 'violated', packet, seen, against: [] };
}

/** The part of a report that one way gives rise to. */
type Judged = Pick<PathReport, 'verdict' | 'packet' | 'seen' | 'against'>;

function judgeTrip(path: DeclaredPath, own: Address, { there, back = [] }: RoundTrip): Judged {
  const packet = packetText(path, own);
  const result = (verdict: PathReport['verdict'], seen: string, against: readonly RuleName[] = []): Judged => ({
    verdict,
    packet,
    seen,
    against,
  });
  const doubts = [there, ...back].flatMap(({ visits }) => doubtsOf(visits));
  const [doubt] = doubts;
  if (doubt !== undefined) return result('unknown', `${doubt.what} on ${doubt.host}: ${doubt.why}`);
  if (there.verdict === 'unknown') return result('unknown', `nobody can tell what becomes of it at ${there.at.name}`);
  if (there.verdict !== 'delivered') return result('violated', `${there.verdict} at ${there.at.name}`);
  const { source, destination, destinationPort } = there.packet;
  const at = formatEnd(destination, destinationPort ?? 0);
  const seen = `delivered to ${there.at.name} at ${at}, which sees ${formatAddress(source)}`;
  if (there.at.name !== path.to) return result('violated', seen);
  if (back.length === 0 || back.some(({ verdict }) => verdict !== 'delivered'))
    return result('violated', `${seen}; its answer is lost`);
  const against: RuleName[] = [];
  if (!sameAddress(source, own)) against.push('same-address');
  if (against.length > 0 || !sameAddress(destination, path.address)) against.unshift(reachability(path));
  return result('holds', seen, against);
}

/** `tcp 172.17.42.2 → 10.1.2.3:43210`; without its source where that isn't known. */
export function packetText({ protocol, address, port }: DeclaredPath, source?: Address): string {
  return `${protocol} ${source === undefined ? '' : `${formatAddress(source)} `}→ ${formatEnd(address, port)}`;
}

function formatEnd(address: Address, port: number): string {
  const text = formatAddress(address);
  return address.family === 6 ? `[${text}]:${port}` : `${text}:${port}`;
}

/** The rule that would ask for the way between such two without NAT. */
export function reachability({ from, to }: DeclaredPath): RuleName {
  return from.startsWith('pod/') && to.startsWith('pod/') ? 'pod-to-pod' : 'node-to-pod';
}
