import { type Address, addressFromBytes, addressToBytes } from '../../address/address.ts';
import { type Family, linuxFamily } from '../../address/family.ts';
import type { NextHop } from '../../host/route.ts';
import type { AttributeReader } from '../netlink/attribute-reader.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import type { LinkNames } from './link-names.ts';

/** `linux/rtnetlink.h`: RTA_* */
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
export const RTA_MULTIPATH = 9;
export const RTA_VIA = 18;

const RTNH_F_DEAD = 1;
const RTNH_F_ONLINK = 4;
const RTNH_F_LINKDOWN = 16;
/** `struct rtnexthop`: u16 length, u8 flags, u8 weight - 1, s32 index; its attributes follow. */
const RTNH_LENGTH = 8;

/** The 4 or 16 bytes of an attribute as an address. @throws FlatnetError `invalid` for another length */
export function readRouteAddress(attributes: AttributeReader): Address {
  return addressFromBytes(attributes.bytes());
}

/** Writes RTA_OIF and a gateway for one next hop, RTA_MULTIPATH for several; its flags go to the route's header. */
export function writeNextHops(
  builder: MessageBuilder,
  family: Family,
  nextHops: readonly NextHop[],
  names: LinkNames,
): void {
  const [only] = nextHops;
  if (only === undefined) return;
  if (nextHops.length === 1) {
    if (only.device !== undefined) builder.u32(RTA_OIF, names.indexOf(only.device));
    writeGateway(builder, family, only.gateway);
    return;
  }
  const paths = builder.beginPlainNest(RTA_MULTIPATH);
  for (const hop of nextHops) {
    const path = builder.length;
    builder.rawBytes(0, 0, hop.onlink ? RTNH_F_ONLINK : 0, hop.weight - 1);
    builder.raw32(hop.device === undefined ? 0 : names.indexOf(hop.device));
    writeGateway(builder, family, hop.gateway);
    builder.patch16(path, builder.length - path);
  }
  builder.endNest(paths);
}

function writeGateway(builder: MessageBuilder, family: Family, gateway: Address | undefined): void {
  if (gateway === undefined) return;
  const bytes = addressToBytes(gateway);
  if (gateway.family === family) builder.attribute(RTA_GATEWAY, bytes);
  // struct rtvia: u16 address family in host byte order, then the address.
  else builder.attribute(RTA_VIA, Uint8Array.of(linuxFamily(gateway.family), 0, ...bytes));
}

/** Reads the next hops among a route's attributes. @param flags of the route's header */
export function decodeNextHops(
  attributes: AttributeReader,
  flags: number,
  names: Pick<LinkNames, 'nameOf'>,
): readonly NextHop[] {
  const hop: { gateway?: Address; index?: number } = {};
  while (attributes.next()) {
    if (attributes.type === RTA_MULTIPATH) return decodePaths(attributes, names);
    if (attributes.type === RTA_OIF) hop.index = attributes.u32();
    else readGateway(attributes, hop);
  }
  return hop.index === undefined && hop.gateway === undefined ? [] : [nextHop(hop, flags, 1, names)];
}

function decodePaths(paths: AttributeReader, names: Pick<LinkNames, 'nameOf'>): readonly NextHop[] {
  const hops: NextHop[] = [];
  let offset = 0;
  while (offset + RTNH_LENGTH <= paths.length) {
    const window = paths.bytes();
    const view = new DataView(window.buffer, window.byteOffset + offset, RTNH_LENGTH);
    const length = view.getUint16(0, true);
    if (length < RTNH_LENGTH || offset + length > paths.length) break;
    const hop: { gateway?: Address; index?: number } = { index: view.getUint32(4, true) };
    const attributes = paths.nested(offset + RTNH_LENGTH, offset + length);
    while (attributes.next()) readGateway(attributes, hop);
    hops.push(nextHop(hop, view.getUint8(2), view.getUint8(3) + 1, names));
    offset += (length + 3) & ~3;
  }
  return hops;
}

function readGateway(attributes: AttributeReader, hop: { gateway?: Address }): void {
  if (attributes.type === RTA_GATEWAY) hop.gateway = readRouteAddress(attributes);
  else if (attributes.type === RTA_VIA) hop.gateway = addressFromBytes(attributes.bytes().subarray(2));
}

function nextHop(
  hop: { readonly gateway?: Address; readonly index?: number },
  flags: number,
  weight: number,
  names: Pick<LinkNames, 'nameOf'>,
): NextHop {
  return {
    ...(hop.gateway !== undefined && { gateway: hop.gateway }),
    ...(hop.index !== undefined && hop.index !== 0 && { device: names.nameOf(hop.index) }),
    weight,
    onlink: (flags & RTNH_F_ONLINK) !== 0,
    ...((flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) !== 0 && { dead: true }),
  };
}
