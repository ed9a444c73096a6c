import type { MessageBuilder } from '../netlink/message-builder.ts';

/** `struct ifinfomsg`: u8 family, pad, u16 type, s32 index, u32 flags, u32 change. */
export const LINK_HEADER_LENGTH = 16;

/** `linux/if.h`, `linux/if_arp.h` */
export const IFF_UP = 0x1;
export const IFF_LOWER_UP = 0x10000;
export const ARPHRD_LOOPBACK = 772;
export const OPERSTATE_UNKNOWN = 0;
export const OPERSTATE_UP = 6;

/** `linux/if_link.h`: IFLA_* */
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
export const IFLA_OPERSTATE = 16;
export const IFLA_LINKINFO = 18;
export const IFLA_IFALIAS = 20;
export const IFLA_AF_SPEC = 26;
export const IFLA_GROUP = 27;
export const IFLA_NET_NS_FD = 28;
export const IFLA_EXT_MASK = 29;
export const IFLA_NUM_TX_QUEUES = 31;
export const IFLA_NUM_RX_QUEUES = 32;
export const IFLA_LINK_NETNSID = 37;
export const IFLA_XDP = 43;
export const IFLA_XDP_ATTACHED = 2;
export const IFLA_INET6_ADDR_GEN_MODE = 8;
/** `linux/veth.h` */
export const VETH_INFO_PEER = 1;

export const RTEXT_FILTER_SKIP_STATS = 1 << 3;
export const ADDRESS_GENERATION = { eui64: 0, none: 1 } as const;
export const AF_INET6 = 10;

/** Writes `struct ifinfomsg`; `change` says which of the flags count. */
export function writeLinkHeader(builder: MessageBuilder, index: number, flags: number, change: number): void {
  builder.raw32(0).raw32(index).raw32(flags).raw32(change);
}
