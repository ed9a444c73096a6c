import { type Address, addressToBytes } from '../../address/address.ts';
import { type Mac, macFromBytes } from '../../address/mac.ts';
import { parsePrefix, prefixContains } from '../../address/prefix.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { INVALID } from './connection.ts';
import { evaluateDeviceHook, frameChains, seesFrames } from './device-chains.ts';
import { evaluateHook, type HookOutcome, type IpHook } from './evaluate-hook.ts';
import { type Flight, type Frame, frameBetween } from './flight.ts';
import { hasChains } from './hook-entries.ts';
import { askerOf } from './neighbour-answer.ts';
import type { Packet } from './packet.ts';
import type { FramedPacket } from './pass-device.ts';
import { asksFor } from './receiver.ts';
import type { Port, Site } from './site.ts';
import type { Outcomes } from './walk.ts';
import { afterHook, ending, stopped, type WalkState } from './walk-state.ts';

/** Takes a frame from one device to another on its link, past all that looks at it there. */
export type Carrier = (
  from: Port,
  to: Port,
  framed: FramedPacket,
  state: WalkState,
  deliver: (packet: Packet, state: WalkState) => Outcomes,
) => Outcomes;

/** Who asks on a link for a next hop's address, and who answers. */
export interface Discovery {
  readonly from: Port;
  readonly to: Port;
  readonly nextHop: Address;
  /** For which it is asked. */
  readonly packet: Packet;
  /** Others whose rules see the frames: who has the bridge between the two. */
  readonly between: readonly Site[];
  readonly carry: Carrier;
}

/**
 * Goes on with a packet once its next hop is found: by a permanent entry, or a question and its answer (ARP of RFC 826, neighbour
 * discovery of RFC 4861), which rules may drop like other packets. Entries that are there for the time being are asked about
 * again soon, so that they don't count.
 */
export function discovered(discovery: Discovery, state: WalkState, follow: (state: WalkState) => Outcomes): Outcomes {
  const { from, to, nextHop, packet, between } = discovery;
  const { device } = from;
  const isHeard = [from.site, to.site, ...between].some((site) => listens(site, nextHop.family));
  if (!isHeard || device.mac === undefined || !asksFor(from.site, device.name, nextHop)) return follow(state);
  return exchange(discovery, { ...state, steps: [], visits: [] }).flatMap((outcome) => {
    const after = { ...state, probability: outcome.probability };
    if (outcome.verdict === 'delivered') return follow(after);
    const { verdict, at, reason, packet: message } = outcome;
    const kind = message.discovery?.kind ?? 'question';
    const end = { kind: 'undiscovered', device: device.name, address: nextHop, message: kind, at, reason } as const;
    return [ending(after, verdict === 'unknown' ? 'unknown' : 'dropped', from.site, packet, end)];
  });
}

/** Whether any rules of a namespace see questions and answers. */
function listens({ state: { ruleset } }: Site, family: 4 | 6): boolean {
  if (seesFrames(ruleset)) return true;
  if (family === 4)
    return frameChains(ruleset, 'arp', 'input').length + frameChains(ruleset, 'arp', 'output').length > 0;
  return HOOKS.some((hook) => hasChains(hook, ruleset, 6));
}

const HOOKS = ['output', 'postrouting', 'prerouting', 'input'] as const;

/** The ways of a question and its answer; those where it comes back end as delivered. */
function exchange(discovery: Discovery, state: WalkState): Outcomes {
  const { from, to, nextHop, packet, carry } = discovery;
  const asker =
    nextHop.family === 4 ? askerOf(from.site, from.device.name, nextHop, packet.source) : solicitor(discovery);
  if (asker === undefined) return [ending(state, 'delivered', from.site, packet, { kind: 'delivered', packet })];
  const question = messageOf('question', asker, nextHop, from.device.mac);
  const answer = messageOf('answer', asker, nextHop, to.device.mac);
  const back: Port = { site: from.site, device: from.device, ...(to.through !== undefined && { through: to.through }) };
  return say(carry, from, to, question, state, (heard) =>
    say(carry, to, back, answer, heard, (done) => [
      ending(done, 'delivered', from.site, answer, { kind: 'delivered', packet: answer }),
    ]),
  );
}

/** One message from whoever speaks to whoever it is for. */
function say(
  carry: Carrier,
  from: Port,
  to: Port,
  message: Packet,
  state: WalkState,
  follow: (state: WalkState) => Outcomes,
): Outcomes {
  const frame = frameOf(message, from.device.mac, to.device.mac);
  const hooks: readonly [IpHook[], IpHook[]] =
    message.source.family === 4
      ? [['output'], ['input']]
      : [
          ['output', 'postrouting'],
          ['prerouting', 'input'],
        ];
  const [sending, receiving] = hooks;
  return pass(sending, from.site, message, { outputDevice: from.device.name }, frame, state, (sent) =>
    carry(from, to, { packet: message, mark: 0, frame }, sent, (arrived, there) =>
      pass(receiving, to.site, arrived, { inputDevice: to.device.name }, frame, there, follow),
    ),
  );
}

function pass(
  hooks: readonly IpHook[],
  site: Site,
  packet: Packet,
  devices: Pick<Flight, 'inputDevice' | 'outputDevice'>,
  frame: Frame,
  state: WalkState,
  follow: (state: WalkState) => Outcomes,
): Outcomes {
  const [hook, ...others] = hooks;
  if (hook === undefined) return follow(state);
  return atHook(hook, site, { packet, mark: 0, tracking: INVALID, ...devices }, frame).flatMap((outcome) => {
    const after = afterHook(state, site, hook, outcome);
    if (outcome.verdict.kind !== 'accept') return [stopped(after, site, packet, hook, outcome)];
    return pass(others, site, packet, devices, frame, after, follow);
  });
}

function atHook(
  hook: IpHook,
  { state: { ruleset }, view }: Site,
  flight: Flight,
  frame: Frame,
): readonly HookOutcome[] {
  const context = { ruleset, view, known: () => undefined };
  if (flight.packet.source.family === 6) return evaluateHook(hook, flight, context);
  return evaluateDeviceHook(frameChains(ruleset, 'arp', hook), { ...flight, frame }, context);
}

function messageOf(kind: 'question' | 'answer', asker: Address, target: Address, speaker: Mac | undefined): Packet {
  const isQuestion = kind === 'question';
  const discovery = { kind, target, ...(speaker !== undefined && { speaker }) };
  const source = isQuestion ? asker : target;
  if (asker.family === 4) {
    const destination = isQuestion ? target : asker;
    return { protocol: 0, source, destination, length: ARP_LENGTH, hopLimit: 0, dontFragment: false, discovery };
  }
  return {
    protocol: PROTOCOL_NUMBERS.icmpv6,
    source,
    destination: isQuestion ? solicitedNode(target) : asker,
    icmpType: isQuestion ? SOLICITATION : ADVERTISEMENT,
    icmpCode: 0,
    length: MESSAGE_LENGTH,
    hopLimit: 255,
    dontFragment: true,
    discovery,
  };
}

/** Bytes of an ARP message, and of an IPv6 packet with a neighbour discovery message and one link-layer address. */
const ARP_LENGTH = 28;
const MESSAGE_LENGTH = 72;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;

/** The group that whoever has an address listens to (RFC 4291). */
function solicitedNode({ value }: Address): Address {
  return { family: 6, value: 0xff02_0000_0000_0000_0000_0001_ff00_0000n | (value & 0xff_ffffn) };
}

const LINK_LOCAL = parsePrefix('fe80::/10');

/** The address that neighbours are asked from (`ndisc_solicit`): the packet's source, if it is the device's, else its link-local one. */
function solicitor({ from: { site, device }, packet }: Discovery): Address | undefined {
  const own = site.state.addresses.filter((row) => row.device === device.name && row.address.family === 6);
  const same = own.find(({ address }) => address.value === packet.source.value);
  return (same ?? own.find(({ address }) => prefixContains(LINK_LOCAL, address)))?.address ?? linkLocalOf(device.mac);
}

/** What a device's link-local address is where nobody chose another (RFC 4291, appendix A). */
function linkLocalOf(mac: Mac | undefined): Address | undefined {
  if (mac === undefined) return undefined;
  const bits = BigInt(`0x${mac.replaceAll(':', '')}`);
  const identifier = ((bits >> 24n) << 40n) | (0xfffen << 24n) | (bits & 0xff_ffffn);
  return { family: 6, value: (0xfe80n << 112n) | (identifier ^ (1n << 57n)) };
}

const BROADCAST: Mac = 'ff:ff:ff:ff:ff:ff';
const SIX_MULTICAST = [0x33, 0x33];

function frameOf({ destination, discovery }: Packet, source: Mac | undefined, receiver: Mac | undefined): Frame {
  const group =
    destination.family === 4
      ? BROADCAST
      : macFromBytes(Uint8Array.of(...SIX_MULTICAST, ...addressToBytes(destination).slice(12)));
  return frameBetween(source, discovery?.kind === 'question' ? group : receiver);
}
