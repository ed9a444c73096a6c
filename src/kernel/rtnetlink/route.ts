import { type Address, addressToBytes } from '../../address/address.ts';
import { type Family, familyOfLinux, linuxFamily } from '../../address/family.ts';
import { defaultPrefix } from '../../address/prefix.ts';
import { ROUTE_TYPE_NAMES, ROUTE_TYPES, type Route, type RouteScope, type RouteType } from '../../host/route.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import {
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
} from '../netlink/message.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import type { LinkNames } from './link-names.ts';
import { RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE } from './message-type.ts';
import { decodeNextHops, readRouteAddress, writeNextHops } from './next-hop.ts';

/** `struct rtmsg`: u8 family, destination length, source length, tos, table, protocol, scope, type, u32 flags. */
const HEADER_LENGTH = 12;

/** `linux/rtnetlink.h`: RTA_* */
const RTA_DST = 1;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_TABLE = 15;
const RTA_ENCAP_TYPE = 21;
const RTA_NH_ID = 30;
const RTAX_MTU = 2;

const RTNH_F_ONLINK = 4;
const LARGEST_SHORT_TABLE = 255;

/** Types that send nothing anywhere; the kernel lists IPv6 ones with loopback as their device. */
const WITHOUT_NEXT_HOP: ReadonlySet<RouteType> = new Set(['blackhole', 'unreachable', 'prohibit', 'throw']);

const SCOPES: Readonly<Record<RouteScope, number>> = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 };
const SCOPE_NAMES = new Map(Object.entries(SCOPES).map(([name, number]) => [number, name as RouteScope]));

/**
 * Writes an RTM_NEWROUTE. The kernel tells routes apart by table, destination and metric, and not by who made them: so `add`
 * fails with EEXIST where there is one, and `replace` may replace somebody else's. An IPv6 route of metric 0 gets 1024
 * from the kernel.
 */
export function encodeRoute(builder: MessageBuilder, route: Route, names: LinkNames, mode: 'add' | 'replace'): void {
  const modeFlag = mode === 'add' ? NLM_F_EXCL : NLM_F_REPLACE;
  builder.begin(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | modeFlag);
  writeRoute(builder, route, names);
  if (route.mtu !== undefined) {
    const metrics = builder.beginNest(RTA_METRICS);
    builder.u32(RTAX_MTU, route.mtu).endNest(metrics);
  }
  builder.end();
}

/** Writes an RTM_DELROUTE for exactly this route: protocol, scope, type and next hops count. */
export function encodeRouteRemoval(builder: MessageBuilder, route: Route, names: LinkNames): void {
  builder.begin(RTM_DELROUTE, NLM_F_REQUEST | NLM_F_ACK);
  writeRoute(builder, route, names);
  builder.end();
}

function writeRoute(builder: MessageBuilder, route: Route, names: LinkNames): void {
  const { destination, nextHops } = route;
  const [only] = nextHops;
  const onlink = nextHops.length === 1 && only?.onlink === true;
  builder
    .rawBytes(linuxFamily(destination.address.family), destination.length, 0, 0)
    .rawBytes(
      route.table > LARGEST_SHORT_TABLE ? 0 : route.table,
      route.protocol,
      SCOPES[route.scope],
      ROUTE_TYPES[route.type],
    )
    .raw32(onlink ? RTNH_F_ONLINK : 0)
    .u32(RTA_TABLE, route.table);
  if (destination.length > 0) builder.attribute(RTA_DST, addressToBytes(destination.address));
  if (route.source !== undefined) builder.attribute(RTA_PREFSRC, addressToBytes(route.source));
  if (route.metric !== 0) builder.u32(RTA_PRIORITY, route.metric);
  writeNextHops(builder, destination.address.family, nextHops, names);
}

/** What a dump of routes is narrowed to; the kernel does the narrowing. */
export interface RouteFilter {
  /** RTPROT_* number. */
  readonly protocol?: number;
  readonly table?: number;
}

/** Asks for the routes of a family. */
export function encodeRouteDump(builder: MessageBuilder, family: Family, filter: RouteFilter = {}): void {
  builder.begin(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);
  builder
    .rawBytes(linuxFamily(family), 0, 0, 0)
    .rawBytes(0, filter.protocol ?? 0, 0, 0)
    .raw32(0);
  if (filter.table !== undefined) builder.u32(RTA_TABLE, filter.table);
  builder.end();
}

/** A route, and by name what of it Route cannot say. */
export interface DecodedRoute {
  readonly route: Route;
  readonly unmodelled: readonly string[];
}

/** Reads RTM_NEWROUTE or RTM_DELROUTE; undefined for a family other than IPv4 and IPv6. */
export function decodeRoute(message: NetlinkMessage, names: Pick<LinkNames, 'nameOf'>): DecodedRoute | undefined {
  const { buffer, start } = message;
  const family = familyOfLinux(buffer.readUInt8(start));
  const type = ROUTE_TYPE_NAMES.get(buffer.readUInt8(start + 7));
  if (family === undefined || type === undefined) return undefined;
  const unmodelled: string[] = [];
  if (buffer.readUInt8(start + 2) !== 0) unmodelled.push('source prefix');
  if (buffer.readUInt8(start + 3) !== 0) unmodelled.push('type of service');
  let table = buffer.readUInt8(start + 4);
  let destination = defaultPrefix(family);
  let metric = 0;
  let nextHopId: number | undefined;
  const fields: { source?: Address; mtu?: number } = {};
  const attributes = AttributeReader.ofMessage(message, HEADER_LENGTH);
  while (attributes.next()) {
    switch (attributes.type) {
      case RTA_DST:
        destination = { address: readRouteAddress(attributes), length: buffer.readUInt8(start + 1) };
        break;
      case RTA_TABLE:
        table = attributes.u32();
        break;
      case RTA_PRIORITY:
        metric = attributes.u32();
        break;
      case RTA_PREFSRC:
        fields.source = readRouteAddress(attributes);
        break;
      case RTA_METRICS: {
        const metrics = attributes.nested();
        while (metrics.next()) if (metrics.type === RTAX_MTU) fields.mtu = metrics.u32();
        break;
      }
      case RTA_ENCAP_TYPE:
        unmodelled.push('encapsulation');
        break;
      case RTA_NH_ID:
        nextHopId = attributes.u32();
        break;
    }
  }
  const nextHops = WITHOUT_NEXT_HOP.has(type)
    ? []
    : decodeNextHops(AttributeReader.ofMessage(message, HEADER_LENGTH), buffer.readUInt32LE(start + 8), names);
  // Next hop objects are listed expanded, unless net.ipv4.nexthop_compat_mode is 0.
  if (nextHopId !== undefined && nextHops.length === 0) unmodelled.push(`next hop object ${nextHopId}`);
  return {
    route: {
      table,
      destination,
      type,
      nextHops,
      ...fields,
      metric,
      protocol: buffer.readUInt8(start + 5),
      scope: SCOPE_NAMES.get(buffer.readUInt8(start + 6)) ?? 'global',
    },
    unmodelled,
  };
}
