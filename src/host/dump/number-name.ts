import { DEFAULT_TABLE, LOCAL_TABLE, MAIN_TABLE, ROUTE_TYPES } from '../route.ts';

/** iproute2's own names of numbers (its `etc/iproute2`, and `lib/rt_names.c`); with -N it prints the numbers. */
const NUMBERS = {
  protocol: {
    unspec: 0,
    redirect: 1,
    kernel: 2,
    boot: 3,
    static: 4,
    gated: 8,
    ra: 9,
    mrt: 10,
    zebra: 11,
    bird: 12,
    dnrouted: 13,
    xorp: 14,
    ntk: 15,
    dhcp: 16,
    mrouted: 17,
    keepalived: 18,
    babel: 42,
    openr: 99,
    bgp: 186,
    isis: 187,
    ospf: 188,
    rip: 189,
    eigrp: 192,
  },
  addressProtocol: { kernel_lo: 1, kernel_ra: 2, kernel_ll: 3 },
  scope: { global: 0, universe: 0, site: 200, link: 253, host: 254, nowhere: 255 },
  routeType: ROUTE_TYPES,
} as const satisfies Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The number that a name or a decimal text stands for; undefined for a name that iproute2 doesn't bring along. */
export function numberOf(kind: keyof typeof NUMBERS, text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const numbers: Readonly<Record<string, number>> = NUMBERS[kind];
  return Object.hasOwn(numbers, text) ? numbers[text] : undefined;
}

const TABLES: Readonly<Record<string, number>> = { local: LOCAL_TABLE, main: MAIN_TABLE, default: DEFAULT_TABLE };
/** Table numbers are of 32 bits: those above stand for names of which no dump says the number. */
const FIRST_NAMED_TABLE = 2 ** 32;

/** Numbers of the routing tables of one namespace, which a dump may call by names of that host's own. */
export class TableNumbers {
  readonly #named = new Map<string, number>();

  numberOf(text: string): number {
    if (/^\d+$/.test(text)) return Number(text);
    const known = Object.hasOwn(TABLES, text) ? TABLES[text] : this.#named.get(text);
    if (known !== undefined) return known;
    const number = FIRST_NAMED_TABLE + this.#named.size;
    this.#named.set(text, number);
    return number;
  }
}
