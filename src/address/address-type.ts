/** What addresses are to a host, and so the types of the routes to them, by name: RTN_* of `linux/rtnetlink.h`. */
export const ADDRESS_TYPES = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const;
