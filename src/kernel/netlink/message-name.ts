import type { NetlinkFamily } from './message.ts';

/** `linux/rtnetlink.h`: every four message types from 16 on are NEW, DEL, GET and SET of one noun. */
const ROUTE_NOUNS: Readonly<Record<number, string>> = {
  16: 'LINK',
  20: 'ADDR',
  24: 'ROUTE',
  28: 'NEIGH',
  32: 'RULE',
  36: 'QDISC',
  40: 'TCLASS',
  44: 'TFILTER',
  48: 'ACTION',
  52: 'PREFIX',
  64: 'NEIGHTBL',
  68: 'NDUSEROPT',
  72: 'ADDRLABEL',
  80: 'NETCONF',
  84: 'MDB',
  88: 'NSID',
  92: 'STATS',
  100: 'CHAIN',
  104: 'NEXTHOP',
  108: 'LINKPROP',
  112: 'VLAN',
  116: 'NEXTHOPBUCKET',
  120: 'TUNNEL',
};
const ROUTE_VERBS = ['NEW', 'DEL', 'GET', 'SET'];

/** `linux/netfilter/nf_tables.h`: enum nf_tables_msg_types. */
const NF_TABLES_MESSAGES = (
  'NEWTABLE GETTABLE DELTABLE NEWCHAIN GETCHAIN DELCHAIN NEWRULE GETRULE DELRULE NEWSET GETSET DELSET ' +
  'NEWSETELEM GETSETELEM DELSETELEM NEWGEN GETGEN TRACE NEWOBJ GETOBJ DELOBJ GETOBJ_RESET ' +
  'NEWFLOWTABLE GETFLOWTABLE DELFLOWTABLE GETRULE_RESET DESTROYTABLE DESTROYCHAIN DESTROYRULE DESTROYSET ' +
  'DESTROYSETELEM DESTROYOBJ DESTROYFLOWTABLE GETSETELEM_RESET'
).split(' ');

/** `linux/netfilter/nfnetlink_conntrack.h`: enum cntl_msg_types. */
const CONNTRACK_MESSAGES = 'NEW GET DELETE GET_CTRZERO GET_STATS_CPU GET_STATS GET_DYING GET_UNCONFIRMED'.split(' ');

const CONTROL_MESSAGES = ['', 'NLMSG_NOOP', 'NLMSG_ERROR', 'NLMSG_DONE', 'NLMSG_OVERRUN'];

/** A message type's name in the kernel's headers (`RTM_NEWROUTE`, `NFT_MSG_NEWRULE`), or its number. */
export function messageName(family: NetlinkFamily, type: number): string {
  return CONTROL_MESSAGES[type] ?? familyMessageName(family, type) ?? `message type ${type}`;
}

function familyMessageName(family: NetlinkFamily, type: number): string | undefined {
  if (family === 'route') {
    const noun = ROUTE_NOUNS[type & ~3];
    return noun === undefined ? undefined : `RTM_${ROUTE_VERBS[type & 3]}${noun}`;
  }
  if (family !== 'netfilter') return undefined;
  // linux/netfilter/nfnetlink.h: the subsystem is in the high byte; the batch messages have none.
  if (type === 0x10) return 'NFNL_MSG_BATCH_BEGIN';
  if (type === 0x11) return 'NFNL_MSG_BATCH_END';
  const name = (names: readonly string[], prefix: string) => {
    const text = names[type & 0xff];
    return text === undefined ? undefined : prefix + text;
  };
  if (type >> 8 === 10) return name(NF_TABLES_MESSAGES, 'NFT_MSG_');
  if (type >> 8 === 1) return name(CONNTRACK_MESSAGES, 'IPCTNL_MSG_CT_');
  return undefined;
}
