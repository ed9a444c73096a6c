import type { Packet } from '../model/packet.ts';
import { tripsOf } from '../model/round-trip.ts';
import type { Walk } from '../model/walk.ts';
import { type Judgement, judgeTrips } from './judge-trips.ts';
import { judgeLongest } from './long-packet.ts';
import type { Participant } from './participant.ts';

/** What the rules say of a packet and its answer, and where these arrive, of the longest packets that its sender may send. */
export function judgePacket(walk: Walk, from: Participant, to: Participant, sent: Packet): Judgement {
  const trips = tripsOf(walk, from.site, sent);
  const judged = judgeTrips(from, to, sent, trips);
  return judged.reach.kind === 'holds' ? { ...judged, reach: judgeLongest(walk, from, to, sent, trips) } : judged;
}
