import type { NetlinkFamily } from './message.ts';

/** Attribute names in the order of their numbers in the kernel's headers, without the prefix; for reading only. */
const list = (text: string): readonly string[] => text.split(' ');

/** `linux/if_link.h` */
const LINK = list(
  'UNSPEC ADDRESS BROADCAST IFNAME MTU LINK QDISC STATS COST PRIORITY MASTER WIRELESS PROTINFO TXQLEN MAP WEIGHT ' +
    'OPERSTATE LINKMODE LINKINFO NET_NS_PID IFALIAS NUM_VF VFINFO_LIST STATS64 VF_PORTS PORT_SELF AF_SPEC GROUP ' +
    'NET_NS_FD EXT_MASK PROMISCUITY NUM_TX_QUEUES NUM_RX_QUEUES CARRIER PHYS_PORT_ID CARRIER_CHANGES PHYS_SWITCH_ID ' +
    'LINK_NETNSID PHYS_PORT_NAME PROTO_DOWN GSO_MAX_SEGS GSO_MAX_SIZE PAD XDP EVENT NEW_NETNSID IF_NETNSID ' +
    'CARRIER_UP_COUNT CARRIER_DOWN_COUNT NEW_IFINDEX MIN_MTU MAX_MTU PROP_LIST ALT_IFNAME PERM_ADDRESS',
);
/** `linux/if_addr.h` */
const ADDRESS = list(
  'UNSPEC ADDRESS LOCAL LABEL BROADCAST ANYCAST CACHEINFO MULTICAST FLAGS RT_PRIORITY TARGET_NETNSID PROTO',
);
/** `linux/rtnetlink.h` */
const ROUTE = list(
  'UNSPEC DST SRC IIF OIF GATEWAY PRIORITY PREFSRC METRICS MULTIPATH PROTOINFO FLOW CACHEINFO SESSION MP_ALGO TABLE ' +
    'MARK MFC_STATS VIA NEWDST PREF ENCAP_TYPE ENCAP EXPIRES PAD UID TTL_PROPAGATE IP_PROTO SPORT DPORT NH_ID',
);
/** `linux/neighbour.h` */
const NEIGHBOUR = list(
  'UNSPEC DST LLADDR CACHEINFO PROBES VLAN PORT VNI IFINDEX MASTER LINK_NETNSID SRC_VNI PROTOCOL NH_ID FDB_EXT_ATTRS ' +
    'FLAGS_EXT NDM_STATE_MASK NDM_FLAGS_MASK',
);
/** `linux/fib_rules.h` */
const RULE = list(
  'UNSPEC DST SRC IIFNAME GOTO UNUSED2 PRIORITY UNUSED3 UNUSED4 UNUSED5 FWMARK FLOW TUN_ID SUPPRESS_IFGROUP ' +
    'SUPPRESS_PREFIXLEN TABLE FWMASK OIFNAME PAD L3MDEV UID_RANGE PROTOCOL IP_PROTO SPORT_RANGE DPORT_RANGE DSCP FLOWLABEL',
);
/** `linux/rtnetlink.h`: TCA_* */
const TRAFFIC_CONTROL = list('UNSPEC KIND OPTIONS STATS XSTATS RATE FCNT STATS2 STAB PAD DUMP_INVISIBLE CHAIN');

/** Names of nested attributes by the name of what holds them. */
const NESTED: Readonly<Record<string, readonly string[]>> = {
  LINKINFO: list('UNSPEC KIND DATA XSTATS SLAVE_KIND SLAVE_DATA'),
  METRICS: list('UNSPEC LOCK MTU WINDOW RTT RTTVAR SSTHRESH CWND ADVMSS REORDERING HOPLIMIT INITCWND FEATURES RTO_MIN'),
};

/** Lengths of ifinfomsg, ifaddrmsg, rtmsg, ndmsg, fib_rule_hdr, tcmsg; by message type without its two low bits. */
const ROUTE_FAMILIES: Readonly<Record<number, { readonly header: number; readonly names: readonly string[] }>> = {
  16: { header: 16, names: LINK },
  20: { header: 8, names: ADDRESS },
  24: { header: 12, names: ROUTE },
  28: { header: 12, names: NEIGHBOUR },
  32: { header: 12, names: RULE },
  36: { header: 20, names: TRAFFIC_CONTROL },
  40: { header: 20, names: TRAFFIC_CONTROL },
  44: { header: 20, names: TRAFFIC_CONTROL },
  104: { header: 8, names: [] },
};

/** Bytes of the family's own header in front of the attributes. */
export function familyHeaderLength(family: NetlinkFamily, type: number): number {
  return family === 'route' ? (ROUTE_FAMILIES[type & ~3]?.header ?? 4) : 4;
}

/** The names of a message's attributes by number; empty where they are not known here. */
export function attributeNames(family: NetlinkFamily, type: number): readonly string[] {
  return family === 'route' ? (ROUTE_FAMILIES[type & ~3]?.names ?? []) : [];
}

/** The names inside a nested attribute, for the kernel's older ones that don't say that they are nested. */
export function nestedNames(name: string): readonly string[] | undefined {
  return NESTED[name];
}
