import type { Address } from '../../address/address.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { isVerdict } from '../../netfilter/element-key.ts';
import type { ConntrackKey, Expression, Literal, MapElement, MetaKey, PayloadField } from '../../netfilter/node.ts';
import { PAYLOAD_FIELDS } from '../../netfilter/payload-field.ts';
import { arpValue, etherType, macValue } from './arp-value.ts';
import { translatedEnds } from './connection.ts';
import { findElement } from './find-element.ts';
import type { EvaluationContext, Flight, KernelView } from './flight.ts';
import { fragmentField, isLaterPiece, pieceLength } from './fragments.ts';
import { aspectOf, observeLayout, observePoint, observePorts } from './observe-comparison.ts';
import { observeLookup } from './observe-lookup.ts';
import { hasPorts, isArp, type Packet } from './packet.ts';
import { ABSENT, both, certain, UNKNOWN, type Value, type Values, valueOfLiteral, type Weighted } from './value.ts';

type Outcome = readonly Weighted<Values>[];

/** Choices that a random number makes more than this many of are told as one that nobody can tell. */
const MOST_CHOICES = 4096;

/** The values that an expression may have, with their probabilities. Their use is anything: what they read counts. */
export function evaluate(expression: Expression, flight: Flight, context: EvaluationContext): Outcome {
  return valuesOf(expression, flight, context, true);
}

/** As `evaluate`, for whoever compares the values himself, and tells the observer of what he finds. */
export function evaluateKey(expression: Expression, flight: Flight, context: EvaluationContext): Outcome {
  return valuesOf(expression, flight, context, false);
}

/** @param counts whether the very value of each field counts */
function valuesOf(expression: Expression, flight: Flight, context: EvaluationContext, counts: boolean): Outcome {
  switch (expression.kind) {
    case 'literal':
      return certain([valueOfLiteral(expression.literal)]);
    case 'payload':
    case 'meta':
    case 'ct': {
      const value = fieldValue(expression, flight, context);
      if (counts) observePoint(aspectOf(expression), value);
      return certain([value]);
    }
    case 'fib':
      return certain([context.view.fib(expression.selectors, expression.result, flight)]);
    case 'numgen':
    case 'jhash':
      return choices(expression.modulus, expression.offset);
    case 'binary':
      return combine(
        [evaluate(expression.left, flight, context), evaluate(expression.right, flight, context)],
        ([left = [], right = []]) => [binaryValue(expression.operator, left[0] ?? UNKNOWN, right[0] ?? UNKNOWN)],
      );
    case 'concatenation':
      return combine(
        expression.parts.map((part) => valuesOf(part, flight, context, counts)),
        (parts) => parts.flat(),
      );
    case 'map': {
      const map = context.findSet(expression.name);
      const elements = map !== undefined && 'value' in map ? map.elements : undefined;
      return mapValues(expression.key, evaluateKey(expression.key, flight, context), elements);
    }
    case 'anonymous-map':
      return mapValues(expression.key, evaluateKey(expression.key, flight, context), expression.elements);
    case 'set':
    case 'set-reference':
      return certain([UNKNOWN]);
    default: {
      const never: never = expression;
      return never;
    }
  }
}

/** A random number, and a hash of what nobody here knows the seed of: any of them, each as likely. */
function choices(modulus: number, offset: number): Outcome {
  if (modulus > MOST_CHOICES) return [{ content: [UNKNOWN], probability: null }];
  return Array.from({ length: modulus }, (_, index) => ({
    content: [BigInt(index + offset)],
    probability: 1 / modulus,
  }));
}

function combine(parts: readonly Outcome[], join: (values: readonly Values[]) => Values): Outcome {
  if (parts.every(([only, ...others]) => only?.probability === 1 && others.length === 0))
    return certain(join(parts.flatMap((part) => part.map(({ content }) => content))));
  let joined: readonly Weighted<readonly Values[]>[] = certain([]);
  for (const part of parts)
    joined = joined.flatMap((before) =>
      part.map((next) => ({
        content: [...before.content, next.content],
        probability: both(before.probability, next.probability),
      })),
    );
  return joined.map(({ content, probability }) => ({ content: join(content), probability }));
}

function mapValues(key: Expression, keys: Outcome, elements: readonly MapElement[] | undefined): Outcome {
  return keys.map(({ content, probability }) => {
    const element = elements === undefined ? UNKNOWN : findElement(elements, content);
    observeLookup(key, content, elements, element, true);
    return { content: valuesOfElement(element), probability };
  });
}

function valuesOfElement(element: MapElement | undefined | typeof UNKNOWN): Values {
  if (element === undefined) return [ABSENT];
  if (element === UNKNOWN || isVerdict(element.value)) return [UNKNOWN];
  return element.value.map(mappedValue);
}

function mappedValue(literal: Literal): Value {
  return valueOfLiteral(literal);
}

function fieldValue(
  expression: Extract<Expression, { readonly kind: 'payload' | 'meta' | 'ct' }>,
  flight: Flight,
  context: EvaluationContext,
): Value {
  switch (expression.kind) {
    case 'payload':
      return payloadValue(expression.field, flight, context);
    case 'meta':
      return metaValue(expression.key, flight, context);
    case 'ct':
      return conntrackValue(expression.key, expression.direction, flight);
    default: {
      const never: never = expression;
      return never;
    }
  }
}

const WORD = 0xffff_ffffn;

function binaryValue(operator: '&' | '|' | '^' | '<<' | '>>', left: Value, right: Value): Value {
  if (left === ABSENT || right === ABSENT) return ABSENT;
  if (typeof left !== 'bigint' || typeof right !== 'bigint') return UNKNOWN;
  switch (operator) {
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '<<':
      return (left << right) & WORD;
    case '>>':
      return left >> right;
    default: {
      const never: never = operator;
      return never;
    }
  }
}

function addressValue(address: Address, family: 4 | 6): Value {
  return address.family === family ? address.value : ABSENT;
}

function optional(value: number | undefined): Value {
  return value === undefined ? ABSENT : BigInt(value);
}

function known(value: number | undefined): Value {
  return value === undefined ? UNKNOWN : BigInt(value);
}

/** Of a header that the packet hasn't, the kernel reads what stands there instead, unless a match before it keeps it away. */
function payloadValue(field: PayloadField, flight: Flight, { view }: EvaluationContext): Value {
  const { packet, frame } = flight;
  if (isArp(packet) && PAYLOAD_FIELDS[field].header !== 'ether') return arpValue(field, packet);
  observeLayout(packet.protocol, field);
  // `nft_payload_eval`: of a fragment other than the first nothing behind its IP header is read
  if (isLaterPiece(packet) && PAYLOAD_FIELDS[field].base === 'transport') return ABSENT;
  switch (field) {
    case 'ip saddr':
      return addressValue(packet.source, 4);
    case 'ip daddr':
      return addressValue(packet.destination, 4);
    case 'ip6 saddr':
      return addressValue(packet.source, 6);
    case 'ip6 daddr':
      observeTarget(packet);
      return addressValue(packet.destination, 6);
    case 'ip protocol':
      return packet.source.family === 4 ? BigInt(packet.protocol) : ABSENT;
    case 'ip6 nexthdr':
      return packet.source.family === 6 ? BigInt(packet.protocol) : ABSENT;
    case 'ip ttl':
      return packet.source.family === 4 ? BigInt(packet.hopLimit) : ABSENT;
    case 'ip6 hoplimit':
      return packet.source.family === 6 ? BigInt(packet.hopLimit) : ABSENT;
    case 'ip length':
      return packet.source.family === 4 ? known(pieceLength(packet)) : ABSENT;
    case 'ip frag-off':
      return packet.source.family === 4 ? (fragmentField(packet) ?? UNKNOWN) : ABSENT;
    case 'th sport':
      if (hasPorts(packet.protocol)) return optional(packet.sourcePort);
      // where ports would be, ICMP has type and code, then a checksum
      return packet.icmpType === undefined ? UNKNOWN : BigInt((packet.icmpType << 8) | (packet.icmpCode ?? 0));
    case 'th dport':
      return hasPorts(packet.protocol) ? optional(packet.destinationPort) : UNKNOWN;
    case 'tcp flags':
      return optional(packet.tcpFlags);
    case 'icmp type':
      return packet.protocol === PROTOCOL_NUMBERS.icmp ? optional(packet.icmpType) : ABSENT;
    case 'icmpv6 type':
      return packet.protocol === PROTOCOL_NUMBERS.icmpv6 ? optional(packet.icmpType) : ABSENT;
    case 'icmp code':
      return packet.protocol === PROTOCOL_NUMBERS.icmp ? optional(packet.icmpCode) : ABSENT;
    case 'icmpv6 code':
      return packet.protocol === PROTOCOL_NUMBERS.icmpv6 ? optional(packet.icmpCode) : ABSENT;
    case 'ip dscp':
      return UNKNOWN;
    case 'icmpv6 taddr':
      return packet.discovery === undefined ? UNKNOWN : addressValue(packet.discovery.target, 6);
    case 'ether saddr':
      return inEthernet(flight, view, macValue(frame?.source));
    case 'ether daddr':
      return inEthernet(flight, view, macValue(frame?.destination));
    case 'ether type':
      return inEthernet(flight, view, etherType(packet));
    case 'arp operation':
    case 'arp saddr ether':
    case 'arp saddr ip':
    case 'arp daddr ip':
      return ABSENT;
    default: {
      const never: never = field;
      return never;
    }
  }
}

/** nft asks for the type of the device that a packet came in by before it reads the header: one that is sent has none. */
function inEthernet({ frame, inputDevice, bridge }: Flight, view: KernelView, value: Value): Value {
  if (frame === undefined) return UNKNOWN;
  if (bridge !== undefined) return value;
  if (inputDevice === undefined) return UNKNOWN;
  return view.device(inputDevice)?.type === ETHERNET ? value : ABSENT;
}

/** The group that an address's owner is asked in follows from the address. */
function observeTarget({ discovery }: Packet): void {
  if (discovery?.kind === 'question') observePoint('address', discovery.target.value);
}

/** `linux/if_arp.h`: ARPHRD_ETHER. */
const ETHERNET = 1;

/** `linux/if_packet.h`: PACKET_BROADCAST, PACKET_MULTICAST. */
const BROADCAST = 1n;
const MULTICAST = 2n;

function metaValue(key: MetaKey, flight: Flight, { view }: EvaluationContext): Value {
  const { packet, inputDevice, outputDevice, nextHop, tunnel, frame } = flight;
  const isFour = packet.source.family === 4;
  const isLeaving = frame === undefined ? nextHop !== undefined : outputDevice !== undefined;
  const device = (name: string | undefined) => (name === undefined ? undefined : view.device(name));
  switch (key) {
    case 'mark':
      return BigInt(flight.mark);
    case 'iifname':
      return inputDevice ?? '';
    case 'oifname':
      return outputDevice ?? '';
    case 'iif':
      return BigInt(device(inputDevice)?.index ?? 0);
    case 'oif':
      return BigInt(device(outputDevice)?.index ?? 0);
    case 'iiftype':
      // of the device that the packet belongs to by now: of one that leaves, where it leaves by (`NFT_META_IFTYPE`)
      return optional(device(isLeaving ? outputDevice : (inputDevice ?? tunnel))?.type);
    case 'oiftype':
      return optional(device(outputDevice)?.type);
    case 'iifgroup':
      return optional(device(inputDevice)?.group);
    case 'oifgroup':
      return optional(device(outputDevice)?.group);
    case 'l4proto':
      if (isArp(packet)) return ABSENT;
      return BigInt(packet.protocol);
    case 'nfproto':
      // at a device it is that of the table
      return frame !== undefined ? UNKNOWN : isFour ? 2n : 10n;
    case 'protocol':
      return etherType(packet);
    case 'pkttype':
      if (packet.discovery?.kind === 'question' && inputDevice !== undefined) return isFour ? BROADCAST : MULTICAST;
      return frame === undefined ? 0n : UNKNOWN;
    case 'length':
      // of what is sent, with the frame's header
      return frame === undefined || inputDevice !== undefined ? known(pieceLength(packet)) : UNKNOWN;
    case 'skuid':
    case 'cgroup':
      // a packet that was received has no socket
      return inputDevice === undefined ? UNKNOWN : ABSENT;
    case 'ibrname':
    case 'obrname':
      return flight.bridge ?? '';
    default: {
      const never: never = key;
      return never;
    }
  }
}

/** Types of ICMP: echo request, echo reply. */
const ECHO = { 4: [8, 0], 6: [128, 129] } as const;

const STATES = { invalid: 1n, established: 2n, related: 4n, new: 8n, untracked: 64n } as const;
const SEEN_REPLY = 2n;
const CONFIRMED = 8n;
const SOURCE_NAT = 16n;
const DESTINATION_NAT = 32n;
const TEMPLATE = 2048n;

/** Of the connection that stands for a packet's zone until it is tracked (`nf_ct_tmpl_alloc`). */
function templateValue(key: ConntrackKey, zone: number): Value {
  if (key === 'zone') return BigInt(zone);
  if (key === 'status') return TEMPLATE;
  return key === 'mark' || key === 'direction' ? 0n : UNKNOWN;
}

function conntrackValue(key: ConntrackKey, direction: 'original' | 'reply' | undefined, flight: Flight): Value {
  const { tracking, packet } = flight;
  const { connection } = tracking;
  if (flight.frame !== undefined) return UNKNOWN;
  if (key === 'state') return STATES[tracking.state];
  if (connection === undefined) return tracking.zone === undefined ? ABSENT : templateValue(key, tracking.zone);
  const tuple = (direction ?? tracking.direction) === 'original' ? connection.original : connection.reply;
  switch (key) {
    case 'mark':
      return BigInt(connection.mark);
    case 'direction':
      return tracking.direction === 'original' ? 0n : 1n;
    case 'status': {
      const ends = translatedEnds(connection);
      return (
        (ends.source ? SOURCE_NAT : 0n) |
        (ends.destination ? DESTINATION_NAT : 0n) |
        (connection.confirmed === true ? CONFIRMED : 0n) |
        (connection.answered === true ? SEEN_REPLY : 0n)
      );
    }
    case 'protocol':
      // of what an ICMP error is about, not its own
      return BigInt(tuple.protocol);
    case 'ip saddr':
      return addressValue(tuple.source, 4);
    case 'ip daddr':
      return addressValue(tuple.destination, 4);
    case 'ip6 saddr':
      return addressValue(tuple.source, 6);
    case 'ip6 daddr':
      return addressValue(tuple.destination, 6);
    case 'proto-src':
      observePorts(packet.protocol);
      return hasPorts(tuple.protocol)
        ? optional(tuple.sourcePort)
        : optional(tuple.sourcePort ?? tuple.destinationPort);
    case 'proto-dst':
      observePorts(packet.protocol);
      if (hasPorts(tuple.protocol)) return optional(tuple.destinationPort);
      // of ICMP type and code: those of an echo
      return BigInt(ECHO[packet.source.family][tuple === connection.original ? 0 : 1] << 8);
    case 'zone':
      return BigInt(connection.zone ?? 0);
    default: {
      const never: never = key;
      return never;
    }
  }
}
