import { tryParseAddress } from '../../../address/address.ts';
import type { Family } from '../../../address/family.ts';
import { parseMac } from '../../../address/mac.ts';
import { parsePrefix } from '../../../address/prefix.ts';
import type { TranslatedSet } from '../../ipset/named-set.ts';
import { literalOf } from '../../nft-text/parse-constant.ts';
import type { ConntrackKey, Expression, Literal, MetaKey, PayloadField, Statement } from '../../node.ts';
import { symbolValue } from '../../symbol.ts';
import type { IptablesMatch, IptablesOption } from '../node.ts';
import {
  anyOf,
  constant,
  equals,
  masked,
  match,
  numberLiteral,
  parseInteger,
  parseMasked,
  parseProtocol,
  parseRange,
} from './match-statement.ts';

export interface MatchContext {
  readonly family: Family;
  findSet(name: string): TranslatedSet | undefined;
}

type Translated = readonly Statement[] | undefined;
/** What an option asks; undefined where it can't be said. */
type OptionTranslation = (option: IptablesOption, context: MatchContext) => Translated;

/** A match in nft's terms; undefined where it can't be said in them. */
export function translateMatch(given: IptablesMatch, context: MatchContext): Translated {
  const whole = WHOLE[given.module];
  if (whole !== undefined) return whole(given.options, context);
  const options = OPTIONS[given.module];
  if (options === undefined) return undefined;
  const statements: Statement[] = [];
  for (const option of given.options) {
    const translated = options[option.name]?.(option, context);
    if (translated === undefined) return undefined;
    statements.push(...translated);
  }
  return statements;
}

function payload(field: PayloadField): Expression {
  return { kind: 'payload', field };
}

function meta(key: MetaKey): Expression {
  return { kind: 'meta', key };
}

function ct(key: ConntrackKey, direction?: 'original' | 'reply'): Expression {
  return { kind: 'ct', key, ...(direction !== undefined && { direction }) };
}

/** One value, or several where it is a list. */
function valuesOf(left: Expression, read: (text: string) => Literal | undefined): OptionTranslation {
  return ({ values: [text = ''], negated }) => {
    const literals = text.split(',').map(read);
    return literals.every((literal) => literal !== undefined) ? [anyOf(left, negated, literals)] : undefined;
  };
}

const port = (text: string) => parseRange(text, 0, 0xffff);
const PORTS: Readonly<Record<string, OptionTranslation>> = {
  sport: valuesOf(payload('th sport'), port),
  dport: valuesOf(payload('th dport'), port),
  sports: valuesOf(payload('th sport'), port),
  dports: valuesOf(payload('th dport'), port),
};

const TCP_FLAGS: Readonly<Record<string, number>> = {
  NONE: 0,
  ALL: 0x3f,
  FIN: 1,
  SYN: 2,
  RST: 4,
  PSH: 8,
  ACK: 16,
  URG: 32,
};

function flagBits(text: string | undefined): number | undefined {
  const bits = (text ?? '').split(',').map((name) => TCP_FLAGS[name]);
  return bits.reduce<number | undefined>(
    (sum, bit) => (sum === undefined || bit === undefined ? undefined : sum | bit),
    0,
  );
}

const tcpFlags: OptionTranslation = ({ values: [mask, set], negated }) => {
  const [of, are] = [flagBits(mask), flagBits(set)];
  if (of === undefined || are === undefined) return undefined;
  return [equals(masked(payload('tcp flags'), of), negated, numberLiteral(are))];
};

/** `8`, `3/4`, `echo-request`, `any`. */
function icmpType(version: 'icmp' | 'icmpv6'): OptionTranslation {
  return ({ values: [text = ''], negated }) => {
    if (text === 'any') return negated ? undefined : [];
    const [first = '', second] = text.split('/');
    const named = symbolValue(version === 'icmp' ? 'icmp_type' : 'icmpv6_type', first) ?? parseInteger(first);
    const code = second === undefined ? undefined : parseInteger(second);
    if (named === undefined || (second !== undefined && (code === undefined || negated))) return undefined;
    const statements = [equals(payload(`${version} type`), negated, numberLiteral(named))];
    if (code !== undefined) statements.push(equals(payload(`${version} code`), false, numberLiteral(code)));
    return statements;
  };
}

/** Packets in these states have no connection, and so no status. */
const WITHOUT_CONNECTION = 1 | 64;

/** States of conntrack, and the two that are translations and so of its status. */
const connectionState: OptionTranslation = ({ values: [text = ''], negated }) => {
  const bits = { state: 0, status: 0 };
  for (const name of text.toLowerCase().split(',')) {
    const status = name === 'snat' || name === 'dnat' ? symbolValue('ct_status', name) : undefined;
    const state = symbolValue('ct_state', name);
    if (status === undefined && state === undefined) return undefined;
    bits.status |= status ?? 0;
    bits.state |= status === undefined ? (state ?? 0) : 0;
  }
  const asked = (['state', 'status'] as const).filter((key) => bits[key] !== 0);
  if (negated) return asked.map((key) => match(masked(ct(key), bits[key]), '==', constant(0)));
  if (asked.length < 2) return asked.map((key) => match(ct(key), 'in', constant(bits[key])));
  if ((bits.state & WITHOUT_CONNECTION) !== 0) return undefined;
  const [left, right] = [masked(ct('state'), bits.state), masked(ct('status'), bits.status)];
  return [match({ kind: 'binary', operator: '|', left, right }, '!=', constant(0))];
};

const connectionStatus: OptionTranslation = ({ values: [text = ''], negated }) => {
  const names: Readonly<Record<string, string>> = { SEEN_REPLY: 'seen-reply' };
  const bits = text.split(',').map((name) => symbolValue('ct_status', names[name] ?? name.toLowerCase()));
  if (!bits.every((bit) => bit !== undefined)) return undefined;
  const any = bits.reduce((sum, bit) => sum | bit, 0);
  return negated ? [match(masked(ct('status'), any), '==', constant(0))] : [match(ct('status'), 'in', constant(any))];
};

function connectionAddress(direction: 'original' | 'reply', end: 'saddr' | 'daddr'): OptionTranslation {
  return (option, { family }) =>
    valuesOf(ct(family === 4 ? `ip ${end}` : `ip6 ${end}`, direction), addressLiteral)(option, {
      family,
      findSet: () => undefined,
    });
}

function addressLiteral(text: string): Literal | undefined {
  const literal = literalOf(text, undefined);
  return literal.kind === 'address' || literal.kind === 'prefix' ? literal : undefined;
}

function markOf(left: Expression): OptionTranslation {
  return ({ values: [text], negated }) => {
    const given = parseMasked(text);
    return given && [equals(masked(left, given.mask), negated, numberLiteral(given.value))];
  };
}

function addressRange(end: 'saddr' | 'daddr'): OptionTranslation {
  return ({ values: [text = ''], negated }, { family }) => {
    const [first, last = first] = text.split('-').map(tryParseAddress);
    if (first === undefined || last === undefined) return undefined;
    const range: Literal = {
      kind: 'range',
      from: { kind: 'address', address: first },
      to: { kind: 'address', address: last },
    };
    return [equals(payload(family === 4 ? `ip ${end}` : `ip6 ${end}`), negated, range)];
  };
}

function compared(left: Expression, operator: '==' | '<' | '>'): OptionTranslation {
  return ({ values: [text], negated }) => {
    const value = parseInteger(text);
    if (value === undefined || (negated && operator !== '==')) return undefined;
    return [match(left, negated ? '!=' : operator, constant(value))];
  };
}

const setMatch: OptionTranslation = ({ values: [name = '', directions = ''], negated }, context) => {
  const set = context.findSet(name);
  const key = set?.family === context.family ? set.key(directions.split(',')) : undefined;
  return key && [match(key, negated ? '!=' : '==', { kind: 'set-reference', name })];
};

const userId: OptionTranslation = ({ values: [text = ''], negated }) => {
  const range = parseRange(text.replace('-', ':'), 0, 0xffff_ffff);
  return range && [equals(meta('skuid'), negated, range)];
};

const PACKET_TYPES: Readonly<Record<string, number>> = { unicast: 0, host: 0, broadcast: 1, multicast: 2 };

/** A frame that a bridge passes on leaves by one of its ports; what is routed has no port to leave by yet. */
const bridged: OptionTranslation = ({ negated }) => [equals(meta('obrname'), !negated, { kind: 'name', name: '' })];

const nothing: OptionTranslation = () => [];

/** Counters match every packet, but for those with a quota; kube-proxy's have none. */
const counted: OptionTranslation = ({ values: [name], negated }) =>
  negated || (name !== 'ct_state_invalid_dropped_pkts' && name !== 'localhost_nps_accepted_pkts') ? undefined : [];

/** Modules each of whose options asks something by itself; all must hold. */
const OPTIONS: Readonly<Record<string, Readonly<Record<string, OptionTranslation>>>> = {
  comment: { comment: nothing },
  tcp: {
    ...PORTS,
    'tcp-flags': tcpFlags,
    syn: ({ negated }) => [equals(masked(payload('tcp flags'), 0x17), negated, numberLiteral(2))],
  },
  udp: PORTS,
  udplite: PORTS,
  sctp: { sport: PORTS.sport ?? nothing, dport: PORTS.dport ?? nothing },
  dccp: { sport: PORTS.sport ?? nothing, dport: PORTS.dport ?? nothing },
  multiport: { sports: PORTS.sports ?? nothing, dports: PORTS.dports ?? nothing },
  icmp: { 'icmp-type': icmpType('icmp') },
  icmp6: { 'icmpv6-type': icmpType('icmpv6') },
  'ipv6-icmp': { 'icmpv6-type': icmpType('icmpv6') },
  state: { state: connectionState },
  conntrack: {
    ctstate: connectionState,
    ctstatus: connectionStatus,
    ctorigsrc: connectionAddress('original', 'saddr'),
    ctorigdst: connectionAddress('original', 'daddr'),
    ctreplsrc: connectionAddress('reply', 'saddr'),
    ctrepldst: connectionAddress('reply', 'daddr'),
    ctorigsrcport: valuesOf(ct('proto-src', 'original'), port),
    ctorigdstport: valuesOf(ct('proto-dst', 'original'), port),
    ctreplsrcport: valuesOf(ct('proto-src', 'reply'), port),
    ctrepldstport: valuesOf(ct('proto-dst', 'reply'), port),
    ctproto: valuesOf(ct('protocol'), (text) => {
      const number = parseProtocol(text);
      return number === undefined ? undefined : numberLiteral(number);
    }),
    ctdir: ({ values: [text], negated }) => [equals(ct('direction'), negated, numberLiteral(text === 'REPLY' ? 1 : 0))],
  },
  mark: { mark: markOf(meta('mark')) },
  connmark: { mark: markOf(ct('mark')) },
  set: { 'match-set': setMatch, 'update-counters': nothing, 'update-subcounters': nothing },
  iprange: { 'src-range': addressRange('saddr'), 'dst-range': addressRange('daddr') },
  pkttype: {
    'pkt-type': ({ values: [text = ''], negated }) => {
      const type = PACKET_TYPES[text];
      return type === undefined ? undefined : [equals(meta('pkttype'), negated, numberLiteral(type))];
    },
  },
  length: { length: valuesOf(meta('length'), (text) => parseRange(text, 0, 0xffff)) },
  ttl: {
    'ttl-eq': compared(payload('ip ttl'), '=='),
    'ttl-lt': compared(payload('ip ttl'), '<'),
    'ttl-gt': compared(payload('ip ttl'), '>'),
  },
  hl: {
    'hl-eq': compared(payload('ip6 hoplimit'), '=='),
    'hl-lt': compared(payload('ip6 hoplimit'), '<'),
    'hl-gt': compared(payload('ip6 hoplimit'), '>'),
  },
  mac: {
    'mac-source': ({ values: [text = ''], negated }) => [
      equals(payload('ether saddr'), negated, { kind: 'mac', mac: parseMac(text) }),
    ],
  },
  owner: { 'uid-owner': userId },
  devgroup: { 'src-group': markOf(meta('iifgroup')), 'dst-group': markOf(meta('oifgroup')) },
  cgroup: { cgroup: compared(meta('cgroup'), '==') },
  nfacct: { 'nfacct-name': counted },
  physdev: { 'physdev-is-bridged': bridged, 'physdev-is-out': bridged },
};

/** Modules whose options mean something together only. */
const WHOLE: Readonly<Record<string, (options: readonly IptablesOption[], context: MatchContext) => Translated>> = {
  addrtype: translateAddressType,
  statistic: translateStatistic,
  limit: translateLimit,
  rpfilter: translateReversePath,
  // noting an address holds for every packet; asking after one hangs on the packets before
  recent: (options) => (options.some(({ name, negated }) => name === 'set' && !negated) ? [] : undefined),
};

/** Of IPv6 these two are what an address looks like, whatever the routes say (`xt_addrtype.c`: match_type6). */
const MULTICAST: Literal = { kind: 'prefix', prefix: parsePrefix('ff00::/8') };

function formOfSix({ name, values: [type], negated }: IptablesOption): Translated {
  const isUnicast = type === 'UNICAST';
  if (!isUnicast && type !== 'MULTICAST') return undefined;
  return [equals(payload(name === 'src-type' ? 'ip6 saddr' : 'ip6 daddr'), isUnicast !== negated, MULTICAST)];
}

function translateAddressType(options: readonly IptablesOption[], { family }: MatchContext): Translated {
  const limited = options.find(({ name }) => name === 'limit-iface-in' || name === 'limit-iface-out');
  const statements: Statement[] = [];
  for (const option of options) {
    if (option === limited) continue;
    if (option.name !== 'src-type' && option.name !== 'dst-type') return undefined;
    const form = family === 6 ? formOfSix(option) : undefined;
    if (form !== undefined) {
      statements.push(...form);
      continue;
    }
    // with others it would be asked for besides them, not as one of them
    if (family === 6 && /UNICAST|MULTICAST/.test(option.values[0] ?? '')) return undefined;
    const left: Expression = {
      kind: 'fib',
      selectors: [
        option.name === 'src-type' ? 'saddr' : 'daddr',
        ...(limited === undefined ? [] : [limited.name === 'limit-iface-in' ? ('iif' as const) : ('oif' as const)]),
      ],
      result: 'type',
    };
    const read = (text: string) => {
      const value = symbolValue('fib_addrtype', text.toLowerCase());
      return value === undefined ? undefined : numberLiteral(value);
    };
    const translated = valuesOf(left, read)(option, { family: 4, findSet: () => undefined });
    if (translated === undefined) return undefined;
    statements.push(...translated);
  }
  return statements;
}

/** The kernel compares 31 random bits with the probability as a number of as many (`xt_statistic.c`). */
const PROBABILITY_UNIT = 2 ** 31;

function translateStatistic(options: readonly IptablesOption[]): Translated {
  const value = (name: string) => options.find((option) => option.name === name);
  const [mode] = value('mode')?.values ?? [];
  const probability = value('probability');
  if (mode === 'random' && probability !== undefined) {
    const part = Math.round(Number(probability.values[0]) * PROBABILITY_UNIT);
    const random: Expression = { kind: 'numgen', mode: 'random', modulus: PROBABILITY_UNIT, offset: 0 };
    return Number.isNaN(part) ? undefined : [match(random, probability.negated ? '>=' : '<', constant(part))];
  }
  const every = value('every');
  const modulus = parseInteger(every?.values[0]);
  const packet = parseInteger(value('packet')?.values[0] ?? '0');
  if (mode !== 'nth' || every === undefined || modulus === undefined || packet === undefined) return undefined;
  return [equals({ kind: 'numgen', mode: 'inc', modulus, offset: 0 }, every.negated, numberLiteral(packet))];
}

const LIMIT_UNITS = {
  sec: 'second',
  second: 'second',
  min: 'minute',
  minute: 'minute',
  hour: 'hour',
  day: 'day',
} as const;

function translateLimit(options: readonly IptablesOption[]): Translated {
  const value = (name: string) => options.find((option) => option.name === name)?.values[0];
  const [, rate, unit] = /^(\d+)\/(\w+)$/.exec(value('limit') ?? '') ?? [];
  const per =
    unit !== undefined && Object.hasOwn(LIMIT_UNITS, unit) ? LIMIT_UNITS[unit as keyof typeof LIMIT_UNITS] : undefined;
  if (rate === undefined || per === undefined) return undefined;
  const burst = parseInteger(value('limit-burst')) ?? 5;
  return [{ kind: 'limit', rate: Number(rate), per, burst, over: false, unit: 'packets' }];
}

/** Whether the way back to the source would leave by the interface that the packet came in by. */
function translateReversePath(options: readonly IptablesOption[]): Translated {
  const has = (name: string) => options.some((option) => option.name === name);
  if (has('accept-local')) return undefined;
  const back: Expression = {
    kind: 'fib',
    selectors: ['saddr', ...(has('validmark') ? (['mark'] as const) : []), ...(has('loose') ? [] : (['iif'] as const))],
    result: 'oif',
  };
  return [match(back, has('invert') ? '==' : '!=', constant(0))];
}
