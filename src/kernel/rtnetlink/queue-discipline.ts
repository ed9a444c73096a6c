import type { QueueDiscipline } from '../../host/network-state.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import {
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
} from '../netlink/message.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import type { LinkNames } from './link-names.ts';
import { RTM_DELQDISC, RTM_GETQDISC, RTM_NEWQDISC } from './message-type.ts';

/** `struct tcmsg`: u8 family, 3 pad, s32 index, u32 handle, u32 parent, u32 info. */
const HEADER_LENGTH = 20;

/** `linux/rtnetlink.h`, `linux/pkt_sched.h` */
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TC_H_ROOT = 0xffff_ffff;
const TCA_TBF_PARMS = 1;
const TCA_TBF_RATE64 = 4;
const TCA_TBF_BURST = 6;
const TC_LINKLAYER_ETHERNET = 1;
const LARGEST_RATE = 0xffff_ffff;
/** Nanoseconds in the kernel's packet scheduler tick (`PSCHED_SHIFT` in net/pkt_sched.h). */
const TICK = 64;
/** Offsets in `struct tc_tbf_qopt`: two tc_ratespecs of 12 bytes (their rate in the last 4), limit, buffer, mtu. */
const PARAMETERS_LENGTH = 36;
const RATE = 8;
const LIMIT = 24;
const BUFFER = 28;

type TokenBucket = Extract<QueueDiscipline, { readonly kind: 'tbf' }>;

/** Writes an RTM_NEWQDISC that puts a token bucket filter at the root of a device. */
export function encodeQueueDiscipline(builder: MessageBuilder, discipline: TokenBucket, names: LinkNames): void {
  const { rate, burst, latency } = discipline;
  builder.begin(RTM_NEWQDISC, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  writeHeader(builder, names.indexOf(discipline.device), discipline.handle);
  builder.string(TCA_KIND, 'tbf');
  const parameters = Buffer.alloc(PARAMETERS_LENGTH);
  parameters.writeUInt8(TC_LINKLAYER_ETHERNET, 1);
  parameters.writeUInt32LE(Math.min(rate, LARGEST_RATE), RATE);
  parameters.writeUInt32LE(Math.min(Math.round((rate * latency) / 1e6) + burst, LARGEST_RATE), LIMIT);
  parameters.writeUInt32LE(ticksOf(burst, rate), BUFFER);
  const options = builder.beginNest(TCA_OPTIONS);
  builder.attribute(TCA_TBF_PARMS, parameters).u32(TCA_TBF_BURST, burst);
  if (rate > LARGEST_RATE) builder.u64(TCA_TBF_RATE64, rate);
  builder.endNest(options).end();
}

/** Removes the root discipline of a device; the kernel puts its default one in its place. */
export function encodeQueueDisciplineRemoval(builder: MessageBuilder, device: string, names: LinkNames): void {
  builder.begin(RTM_DELQDISC, NLM_F_REQUEST | NLM_F_ACK);
  writeHeader(builder, names.indexOf(device), 0);
  builder.end();
}

function writeHeader(builder: MessageBuilder, index: number, handle: number): void {
  builder.raw32(0).raw32(index).raw32(handle).raw32(TC_H_ROOT).raw32(0);
}

/** Asks for the disciplines of all devices. */
export function encodeQueueDisciplineDump(builder: MessageBuilder): void {
  builder.begin(RTM_GETQDISC, NLM_F_REQUEST | NLM_F_DUMP);
  builder.raw32(0).raw32(0).raw32(0).raw32(0).raw32(0).end();
}

/**
 * Reads RTM_NEWQDISC or RTM_DELQDISC. The kernel keeps a token bucket's burst as a time in ticks of 64 ns: what is read is the
 * least burst that gives the same time, so that writing it again changes nothing.
 */
export function decodeQueueDiscipline(message: NetlinkMessage, names: Pick<LinkNames, 'nameOf'>): QueueDiscipline {
  const { buffer, start } = message;
  const device = names.nameOf(buffer.readUInt32LE(start + 4));
  const handle = buffer.readUInt32LE(start + 8);
  let name = '';
  let options: AttributeReader | undefined;
  const attributes = AttributeReader.ofMessage(message, HEADER_LENGTH);
  while (attributes.next()) {
    if (attributes.type === TCA_KIND) name = attributes.string();
    else if (attributes.type === TCA_OPTIONS) options = attributes.nested();
  }
  const isRoot = buffer.readUInt32LE(start + 12) === TC_H_ROOT;
  if (name !== 'tbf' || options === undefined || !isRoot) return { kind: 'other', device, name };
  return { kind: 'tbf', device, handle, ...decodeTokenBucket(options) };
}

function decodeTokenBucket(options: AttributeReader): Pick<TokenBucket, 'rate' | 'burst' | 'latency'> {
  let rate = 0;
  let limit = 0;
  let ticks = 0;
  while (options.next()) {
    if (options.type === TCA_TBF_RATE64) rate = Number(options.u64());
    else if (options.type === TCA_TBF_PARMS && options.length >= PARAMETERS_LENGTH) {
      const parameters = Buffer.from(options.bytes());
      rate = Math.max(rate, parameters.readUInt32LE(RATE));
      limit = parameters.readUInt32LE(LIMIT);
      ticks = parameters.readUInt32LE(BUFFER);
    }
  }
  const burst = burstOf(ticks, rate);
  const latency = rate === 0 ? 0 : Math.max(0, Math.round(((limit - burst) * 1e6) / rate));
  return { rate, burst, latency };
}

/** How long `burst` bytes last at `rate` bytes a second, in ticks. */
function ticksOf(burst: number, rate: number): number {
  return rate === 0 ? 0 : Math.min(Math.floor((burst * 1e9) / rate / TICK), LARGEST_RATE);
}

/** The least burst that lasts `ticks`. */
function burstOf(ticks: number, rate: number): number {
  return Math.ceil((ticks * TICK * rate) / 1e9);
}
