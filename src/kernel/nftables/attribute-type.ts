/** `linux/netfilter/nfnetlink.h`: the nf_tables subsystem, in the high byte of its message types. */
const SUBSYSTEM = 10 << 8;
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNL_MSG_BATCH_BEGIN = 0x10;
export const NFNL_MSG_BATCH_END = 0x11;

/** `enum nf_tables_msg_types` of `linux/netfilter/nf_tables.h`, as is all that follows here. */
export const NFT_MSG = {
  newTable: SUBSYSTEM | 0,
  getTable: SUBSYSTEM | 1,
  deleteTable: SUBSYSTEM | 2,
  newChain: SUBSYSTEM | 3,
  getChain: SUBSYSTEM | 4,
  deleteChain: SUBSYSTEM | 5,
  newRule: SUBSYSTEM | 6,
  getRule: SUBSYSTEM | 7,
  deleteRule: SUBSYSTEM | 8,
  newSet: SUBSYSTEM | 9,
  getSet: SUBSYSTEM | 10,
  deleteSet: SUBSYSTEM | 11,
  newElements: SUBSYSTEM | 12,
  getElements: SUBSYSTEM | 13,
  deleteElements: SUBSYSTEM | 14,
  newGeneration: SUBSYSTEM | 15,
  getGeneration: SUBSYSTEM | 16,
} as const;

export const NFTA_GEN_ID = 1;

export const NFTA_LIST_ELEM = 1;

export const NFTA_TABLE = { name: 1, flags: 2, owner: 7 } as const;
export const TABLE_FLAGS = { dormant: 1, owner: 2, persist: 4 } as const;

export const NFTA_CHAIN = { table: 1, handle: 2, name: 3, hook: 4, policy: 5, type: 7 } as const;
export const NFTA_HOOK = { number: 1, priority: 2, device: 3, devices: 4 } as const;
export const NFTA_DEVICE_NAME = 1;

export const NFTA_RULE = { table: 1, chain: 2, handle: 3, expressions: 4, position: 6, userdata: 7 } as const;

export const NFTA_SET = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  description: 9,
  id: 10,
  timeout: 11,
  userdata: 13,
} as const;
export const SET_FLAGS = {
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  evaluated: 0x20,
  concatenated: 0x80,
} as const;
export const NFTA_SET_DESC = { size: 1, concatenation: 2 } as const;
export const NFTA_SET_FIELD_LEN = 1;

export const NFTA_ELEMENT = { key: 1, data: 2, flags: 3, timeout: 4, expiration: 5, userdata: 6, keyEnd: 10 } as const;
export const ELEMENT_INTERVAL_END = 1;
export const NFTA_ELEMENT_LIST = { table: 1, set: 2, elements: 3, setId: 4 } as const;

export const NFTA_DATA = { value: 1, verdict: 2 } as const;
export const NFTA_VERDICT = { code: 1, chain: 2 } as const;
/** What a verdict map has for the type of its data. */
export const DATA_TYPE_VERDICT = 0xffff_ff00;
/** Verdict codes: those of netfilter (`linux/netfilter.h`), and nf_tables' own. */
export const VERDICT_CODES = { drop: 0, accept: 1, continue: -1, jump: -3, goto: -4, return: -5 } as const;

/** NFPROTO_* of `linux/netfilter.h`. */
export const FAMILY_NUMBERS = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;
