import { addressToBytes } from '../../address/address.ts';
import { type Family, familyOfLinux, linuxFamily } from '../../address/family.ts';
import type { Prefix } from '../../address/prefix.ts';
import type { RoutingRule } from '../../host/route.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import {
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from '../netlink/message.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import { RTM_DELRULE, RTM_GETRULE, RTM_NEWRULE } from './message-type.ts';
import { readRouteAddress } from './next-hop.ts';

/** `struct fib_rule_hdr`: u8 family, destination and source length, tos, table, 2 reserved, action, u32 flags. */
const HEADER_LENGTH = 12;

/** `linux/fib_rules.h`: FRA_* */
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_PAD = 18;
const FRA_PROTOCOL = 21;
/** Selectors that RoutingRule cannot say. */
const OTHER_SELECTORS: Readonly<Record<number, string>> = {
  11: 'realms',
  12: 'tunnel id',
  13: 'suppressed interface group',
  19: 'l3mdev',
  20: 'user id range',
  22: 'ip protocol',
  23: 'source port range',
  24: 'destination port range',
  25: 'dscp',
  26: 'flow label',
};

const FIB_RULE_INVERT = 2;
const NOT_SUPPRESSED = 0xffff_ffff;
const LARGEST_SHORT_TABLE = 255;
const ALL_BITS = 0xffff_ffff;

/** FR_ACT_* */
const ACTIONS = { table: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;

/** Writes an RTM_NEWRULE; the kernel answers EEXIST where the same rule is there. */
export function encodeRule(builder: MessageBuilder, rule: RoutingRule): void {
  builder.begin(RTM_NEWRULE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  writeRule(builder, rule);
}

export function encodeRuleRemoval(builder: MessageBuilder, rule: RoutingRule): void {
  builder.begin(RTM_DELRULE, NLM_F_REQUEST | NLM_F_ACK);
  writeRule(builder, rule);
}

function writeRule(builder: MessageBuilder, rule: RoutingRule): void {
  const { action, from, to, mark } = rule;
  const table = action.kind === 'table' ? action.table : 0;
  builder
    .rawBytes(linuxFamily(rule.family), to?.length ?? 0, from?.length ?? 0, 0)
    .rawBytes(table > LARGEST_SHORT_TABLE ? 0 : table, 0, 0, ACTIONS[action.kind])
    .raw32(rule.invert === true ? FIB_RULE_INVERT : 0)
    .u32(FRA_PRIORITY, rule.priority);
  if (to !== undefined && to.length > 0) builder.attribute(FRA_DST, addressToBytes(to.address));
  if (from !== undefined && from.length > 0) builder.attribute(FRA_SRC, addressToBytes(from.address));
  if (rule.inputDevice !== undefined) builder.string(FRA_IIFNAME, rule.inputDevice);
  if (rule.outputDevice !== undefined) builder.string(FRA_OIFNAME, rule.outputDevice);
  if (mark !== undefined) builder.u32(FRA_FWMARK, mark.value).u32(FRA_FWMASK, mark.mask);
  if (action.kind === 'goto') builder.u32(FRA_GOTO, action.priority);
  if (action.kind === 'table') {
    builder.u32(FRA_TABLE, action.table);
    if (action.suppressPrefixLength !== undefined) builder.u32(FRA_SUPPRESS_PREFIXLEN, action.suppressPrefixLength);
  }
  if (rule.protocol !== undefined) builder.u8(FRA_PROTOCOL, rule.protocol);
  builder.end();
}

/** Asks for the rules of a family. */
export function encodeRuleDump(builder: MessageBuilder, family: Family): void {
  builder.begin(RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP);
  builder.rawBytes(linuxFamily(family), 0, 0, 0).raw32(0).raw32(0).end();
}

/** Reads RTM_NEWRULE or RTM_DELRULE; undefined for a family other than IPv4 and IPv6. */
export function decodeRule(message: NetlinkMessage): RoutingRule | undefined {
  const { buffer, start } = message;
  const family = familyOfLinux(buffer.readUInt8(start));
  if (family === undefined) return undefined;
  const other: string[] = [];
  if (buffer.readUInt8(start + 3) !== 0) other.push('type of service');
  const fields: { from?: Prefix; to?: Prefix; inputDevice?: string; outputDevice?: string; protocol?: number } = {};
  let priority = 0;
  let table = buffer.readUInt8(start + 4);
  let target = 0;
  let suppressed = NOT_SUPPRESSED;
  let value: number | undefined;
  let mask: number | undefined;
  const attributes = AttributeReader.ofMessage(message, HEADER_LENGTH);
  while (attributes.next()) {
    switch (attributes.type) {
      case FRA_DST:
        fields.to = { address: readRouteAddress(attributes), length: buffer.readUInt8(start + 1) };
        break;
      case FRA_SRC:
        fields.from = { address: readRouteAddress(attributes), length: buffer.readUInt8(start + 2) };
        break;
      case FRA_IIFNAME:
        fields.inputDevice = attributes.string();
        break;
      case FRA_OIFNAME:
        fields.outputDevice = attributes.string();
        break;
      case FRA_GOTO:
        target = attributes.u32();
        break;
      case FRA_PRIORITY:
        priority = attributes.u32();
        break;
      case FRA_FWMARK:
        value = attributes.u32();
        break;
      case FRA_FWMASK:
        mask = attributes.u32();
        break;
      case FRA_SUPPRESS_PREFIXLEN:
        suppressed = attributes.u32();
        break;
      case FRA_TABLE:
        table = attributes.u32();
        break;
      case FRA_PROTOCOL:
        if (attributes.u8() !== 0) fields.protocol = attributes.u8();
        break;
      case FRA_PAD:
        break;
      default:
        other.push(OTHER_SELECTORS[attributes.type] ?? `attribute ${attributes.type}`);
    }
  }
  const action = decodeAction(buffer.readUInt8(start + 7), table, target, suppressed);
  if (action === undefined) other.push(`action ${buffer.readUInt8(start + 7)}`);
  return {
    family,
    priority,
    ...fields,
    // Of a mark's two halves the kernel may leave out one: a value of 0, or a mask of all bits.
    ...((value !== undefined || mask !== undefined) && { mark: { value: value ?? 0, mask: mask ?? ALL_BITS } }),
    ...((buffer.readUInt32LE(start + 8) & FIB_RULE_INVERT) !== 0 && { invert: true }),
    action: action ?? { kind: 'nop' },
    ...(other.length > 0 && { other }),
  };
}

function decodeAction(
  action: number,
  table: number,
  priority: number,
  suppressed: number,
): RoutingRule['action'] | undefined {
  switch (action) {
    case ACTIONS.table:
      return suppressed === NOT_SUPPRESSED
        ? { kind: 'table', table }
        : { kind: 'table', table, suppressPrefixLength: suppressed };
    case ACTIONS.goto:
      return { kind: 'goto', priority };
    case ACTIONS.nop:
      return { kind: 'nop' };
    case ACTIONS.blackhole:
      return { kind: 'blackhole' };
    case ACTIONS.unreachable:
      return { kind: 'unreachable' };
    case ACTIONS.prohibit:
      return { kind: 'prohibit' };
    default:
      return undefined;
  }
}
