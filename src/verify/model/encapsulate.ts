import type { Address } from '../../address/address.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { Link } from '../../host/link.ts';
import type { EndReason } from './end-reason.ts';
import type { Flight } from './flight.ts';
import { observePoint } from './observe-comparison.ts';
import type { Packet } from './packet.ts';
import type { Site } from './site.ts';
import { vxlanOverhead } from './source-address.ts';
import type { Outcomes, Walk } from './walk.ts';
import { ending, type WalkState, withStep } from './walk-state.ts';

type VxlanKind = Extract<Link['kind'], { readonly kind: 'vxlan' }>;

/** A tunnel's packets that are led into it again go round in circles. */
const MOST_TUNNELS = 3;

/** Any of those that the kernel draws a tunnel's source port from. */
const TUNNEL_SOURCE_PORT = 49152;

/** Puts a packet into a VXLAN device's tunnel, and follows what carries it to the other end. */
export function encapsulate(
  walk: Walk,
  site: Site,
  link: Link,
  kind: VxlanKind,
  nextHop: Address,
  { packet, mark }: Pick<Flight, 'packet' | 'mark'>,
  state: WalkState,
): Outcomes {
  const { name: device } = link;
  const { vni, port, local } = kind;
  const dropped = (reason: EndReason) => [ending(state, 'dropped', site, packet, reason)];
  observePoint('address', nextHop.value);
  if (depthOf(packet) >= MOST_TUNNELS) return dropped({ kind: 'loop' });
  const [neighbour] = site.state.neighbours.find({ device, address: nextHop });
  if (neighbour?.mac === undefined) return dropped({ kind: 'no-tunnel-neighbour', device, address: nextHop });
  const { mac } = neighbour;
  const [entry] = site.state.forwarding.find({ device, mac });
  if (entry?.destination === undefined) return dropped({ kind: 'no-forwarding-entry', device, address: nextHop, mac });
  const remote = entry.destination;
  const outer: Packet = {
    protocol: PROTOCOL_NUMBERS.udp,
    source: local ?? remote,
    destination: remote,
    sourcePort: TUNNEL_SOURCE_PORT,
    destinationPort: port,
    length: packet.length + vxlanOverhead(remote.family),
    hopLimit: 64,
    dontFragment: isOuterWhole(kind, packet),
    carried: { vni, mac, packet },
  };
  if (local === undefined) return [ending(state, 'unknown', site, packet, { kind: 'tunnel-without-source', device })];
  const step = { kind: 'encapsulate', site, device, vni, remote, neighbour, entry } as const;
  return walk.output(site, outer, withStep(state, step), { mark, tunnel: device });
}

function depthOf({ carried }: Packet): number {
  return carried === undefined ? 0 : 1 + depthOf(carried.packet);
}

/** Whether a tunnel's packet must not be fragmented (`vxlan_xmit_one`). */
function isOuterWhole({ dontFragment }: VxlanKind, { source, dontFragment: inner }: Packet): boolean {
  return dontFragment === 'set' || (dontFragment === 'inherit' && (inner || source.family === 6));
}
