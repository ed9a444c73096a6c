import { isDeepStrictEqual } from 'node:util';
import { formatAddress } from '../../src/address/address.ts';
import { PROTOCOL_NUMBERS } from '../../src/address/protocol.ts';
import { hopsOf } from '../../src/verify/model/format-step.ts';
import { formatPacket, type Packet } from '../../src/verify/model/packet.ts';
import type { Site } from '../../src/verify/model/site.ts';
import type { Walk } from '../../src/verify/model/walk.ts';
import type { Connections, WalkOutcome } from '../../src/verify/model/walk-state.ts';
import type { Sighting } from './outpost.ts';

const LONGEST_STORY = 40;

/** One thing that may happen, as the model says. */
export interface Prediction {
  readonly heard: readonly Heard[];
  /** The model can't tell; why. */
  readonly unknown?: string;
  readonly connections: Connections;
  readonly story: string;
  /** The kernel tells an error only so often: that nothing is heard is no disagreement. */
  readonly mayBeSilent: boolean;
  /** It goes through a tunnel: what that takes hangs on the packets before, too (`skb_tunnel_check_pmtu`). */
  readonly isCarried: boolean;
  /** A neighbour is asked for that the host may have learnt of meanwhile, by being asked itself. */
  readonly isAsking: boolean;
  /** It goes round until its hop limit is used up: which router then says so isn't followed. */
  readonly circles: boolean;
}

/** A packet that a host hears. */
export interface Heard {
  readonly site: string;
  readonly packet: Packet;
}

/** All that may become of a packet. @param ways what the namespaces may know of its connection */
export function predict(
  walk: Walk,
  site: Site,
  packet: Packet,
  mark: number,
  ways: readonly Connections[],
): readonly Prediction[] {
  return ways.flatMap((connections) =>
    walk.send(site, packet, connections, mark).flatMap((outcome) => {
      const story = storyOf(outcome);
      const answers = walk.bounce(outcome);
      if (answers === undefined) return [predictionOf([outcome], story)];
      return answers.map((answer) => predictionOf([outcome, answer], `${story}\n  told by\n${storyOf(answer)}`));
    }),
  );
}

function predictionOf(outcomes: readonly WalkOutcome[], story: string): Prediction {
  const unknown = outcomes.find(({ verdict }) => verdict === 'unknown');
  const why = unknown?.reason.kind ?? (outcomes.some(changesTunnelPort) ? 'tunnel port' : undefined);
  const heard = outcomes
    .filter(({ verdict, packet }) => verdict === 'delivered' && packet.about?.carried === undefined)
    .map(({ at, packet }) => ({ site: at.name, packet }));
  return {
    heard,
    ...(why !== undefined && { unknown: why }),
    isCarried: outcomes.some(({ steps }) => steps.some(({ kind }) => kind === 'encapsulate')),
    isAsking: outcomes.some(({ reason }) => reason.kind === 'no-neighbour'),
    connections: outcomes.at(-1)?.connections ?? new Map(),
    story,
    circles: outcomes.some(({ reason }) => reason.kind === 'loop'),
    mayBeSilent: outcomes.length > 1 && outcomes[0]?.verdict === 'no-route',
  };
}

/** Tunnels speak from ports that hang on a hash: two of them may be translated to one port, and then the second gets no further. */
function changesTunnelPort({ steps }: WalkOutcome): boolean {
  return steps.some(({ kind, ...step }) => {
    if (kind !== 'hook' || !('by' in step) || step.by.kind === 'policy') return false;
    const { before, after } = step.by;
    return before.carried !== undefined && before.sourcePort !== after.sourcePort;
  });
}

function storyOf({ verdict, probability, steps }: WalkOutcome): string {
  const hops = hopsOf({ steps }).map(({ host, stage, detail }) => `    ${host} ${stage}: ${detail}`);
  const cut =
    hops.length > LONGEST_STORY ? [...hops.slice(0, LONGEST_STORY), `    … ${hops.length} steps in all`] : hops;
  return [`  ${verdict} (${probability})`, ...cut].join('\n');
}

/** True if what was heard is what was predicted. */
export function agrees({ heard, mayBeSilent, circles }: Prediction, seen: readonly Sighting[]): boolean {
  if (mayBeSilent && seen.length === 0) return true;
  if (circles && seen.every(({ packet }) => packet.about !== undefined)) return true;
  const texts = (all: readonly { readonly site: string; readonly packet: Packet }[]) =>
    all.map(({ site, packet }) => `${site} ${heardText(packet)}`).sort();
  const told = heard.map(({ site, packet }) => ({ site: site.replace(/^.*\//, ''), packet }));
  return isDeepStrictEqual(texts(told), texts(seen));
}

/** True if what was heard is what was predicted but for ports. */
export function agreesButForPorts(prediction: Prediction, seen: readonly Sighting[]): boolean {
  const heard = prediction.heard.map(({ site, packet }) => ({ site, packet: withoutPorts(packet) }));
  return agrees(
    { ...prediction, heard },
    seen.map(({ site, packet }) => ({ site, packet: withoutPorts(packet) })),
  );
}

function withoutPorts({ sourcePort: _, destinationPort: __, about, ...packet }: Packet): Packet {
  return { ...packet, ...(about !== undefined && { about: withoutPorts(about) }) };
}

/** All of a packet that the model has a say in. */
export function heardText(packet: Packet): string {
  const { about, protocol, hopLimit, length, tcpFlags, icmpType, icmpCode } = packet;
  const ends = endsText(packet);
  const isReset = protocol === PROTOCOL_NUMBERS.tcp && ((tcpFlags ?? 0) & 4) !== 0 && length <= 60;
  const kind =
    protocol === PROTOCOL_NUMBERS.tcp
      ? ` flags ${tcpFlags}`
      : protocol === PROTOCOL_NUMBERS.udp
        ? ''
        : ` type ${icmpType} code ${icmpCode}`;
  const size = !isReset ? ` length ${length}` : '';
  const inner = about === undefined ? '' : ` about ${endsText(about)}`;
  return `${ends}${kind} ttl ${hopLimit}${size}${inner}`;
}

function endsText(packet: Packet): string {
  const { protocol, sourcePort, destinationPort, source, destination } = packet;
  if (protocol === PROTOCOL_NUMBERS.tcp || protocol === PROTOCOL_NUMBERS.udp) return formatPacket(packet);
  const id = sourcePort ?? destinationPort;
  return `icmp ${formatAddress(source)} → ${formatAddress(destination)}${id === undefined ? '' : ` id ${id}`}`;
}
