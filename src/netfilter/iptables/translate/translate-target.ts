import { tryParseAddress } from '../../../address/address.ts';
import { FAMILY_BITS } from '../../../address/family.ts';
import type { Expression, Literal, NatFlag, RejectType, Statement } from '../../node.ts';
import type { IptablesTarget } from '../node.ts';
import { constant, match, numberLiteral, parseInteger, parseMasked } from './match-statement.ts';

/** Targets that change what isn't on a packet's way: logs, counts, checksums, segment sizes, priorities, copies, timers, sets. */
const HARMLESS: ReadonlySet<string> = new Set([
  'LOG',
  'NFLOG',
  'ULOG',
  'TRACE',
  'AUDIT',
  'CHECKSUM',
  'TCPMSS',
  'CLASSIFY',
  'DSCP',
  'TOS',
  'ECN',
  'IDLETIMER',
  'LED',
  'RATEEST',
  'SECMARK',
  'CONNSECMARK',
  'SET',
  'TCPOPTSTRIP',
  'TEE',
]);

/**
 * What becomes of packets that match, in nft's terms; undefined where it can't be said in them.
 * @param chain that the rule stands in
 * @param chains of the table: a target of such a name is a jump
 */
export function translateTarget(
  target: IptablesTarget,
  chain: string,
  chains: { has(name: string): boolean },
): readonly Statement[] | undefined {
  const { kind, name } = target;
  if (chains.has(name)) return [{ kind: 'verdict', verdict: { kind: kind === 'goto' ? 'goto' : 'jump', chain: name } }];
  if (HARMLESS.has(name)) return [];
  switch (name) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      return [{ kind: 'verdict', verdict: { kind: VERDICTS[name] } }];
    case 'REJECT': {
      const type = REJECT_TYPES[optionValue(target, 'reject-with') ?? 'icmp-port-unreachable'];
      return type && [{ kind: 'reject', with: type }];
    }
    case 'MARK':
      return translateMark(target);
    case 'CONNMARK':
      return translateConnectionMark(target);
    case 'DNAT':
    case 'SNAT':
      return translateNat(target, name === 'DNAT' ? 'dnat' : 'snat');
    case 'MASQUERADE':
    case 'REDIRECT': {
      const ports = optionValue(target, 'to-ports');
      const port = ports === undefined ? undefined : portsOf(ports);
      const flags = flagsOf(target);
      return [{ kind: name === 'MASQUERADE' ? 'masquerade' : 'redirect', ...(port !== undefined && { port }), flags }];
    }
    case 'TTL':
    case 'HL':
      return translateHopLimit(target);
    case 'NOTRACK':
      return [{ kind: 'notrack' }];
    case 'CT':
      return translateTracking(target);
    case 'NETMAP':
      return translateNetwork(target, chain);
    case 'QUEUE':
      return [{ kind: 'verdict', verdict: { kind: 'queue', number: 0 } }];
    case 'NFQUEUE':
      return [{ kind: 'verdict', verdict: { kind: 'queue', number: Number(optionValue(target, 'queue-num') ?? 0) } }];
    default:
      return undefined;
  }
}

const VERDICTS = { ACCEPT: 'accept', DROP: 'drop', RETURN: 'return' } as const;

const REJECT_TYPES: Readonly<Record<string, RejectType>> = {
  'icmp-net-unreachable': 'net-unreachable',
  'icmp-host-unreachable': 'host-unreachable',
  'icmp-port-unreachable': 'port-unreachable',
  'icmp-net-prohibited': 'admin-prohibited',
  'icmp-host-prohibited': 'admin-prohibited',
  'icmp-admin-prohibited': 'admin-prohibited',
  'icmp6-no-route': 'net-unreachable',
  // codes that nft has no short word for: the next ones to them
  'icmp-proto-unreachable': 'port-unreachable',
  'icmp6-policy-fail': 'admin-prohibited',
  'icmp6-reject-route': 'net-unreachable',
  'icmp6-adm-prohibited': 'admin-prohibited',
  'icmp6-addr-unreachable': 'host-unreachable',
  'icmp6-port-unreachable': 'port-unreachable',
  'tcp-reset': 'tcp reset',
};

function optionValue({ options }: IptablesTarget, name: string): string | undefined {
  return options.find((option) => option.name === name)?.values[0];
}

function flagsOf({ options }: IptablesTarget): NatFlag[] {
  return options.flatMap(({ name }): NatFlag[] => {
    if (name === 'random' || name === 'persistent') return [name];
    return name === 'random-fully' ? ['fully-random'] : [];
  });
}

const MARK: Expression = { kind: 'meta', key: 'mark' };
const CONNECTION_MARK: Expression = { kind: 'ct', key: 'mark' };
const STATE: Expression = { kind: 'ct', key: 'state' };
/** NF_CT_STATE_UNTRACKED_BIT. */
const UNTRACKED = 64;

/** `(mark & ~mask) ^ value` (`xt_mark.c`): what all ways of setting bits come down to. */
function changedBits(left: Expression, { value, mask }: { readonly value: number; readonly mask: number }): Expression {
  const kept = ~mask >>> 0;
  if (kept === 0) return constant(value);
  const cleared: Expression = mask === 0 ? left : { kind: 'binary', operator: '&', left, right: constant(kept) };
  return value === 0 ? cleared : { kind: 'binary', operator: '^', left: cleared, right: constant(value) };
}

/** Value and mask of `--set-xmark`, `--set-mark`, `--or-mark`, `--and-mark`, `--xor-mark`. */
function bitsOf(target: IptablesTarget) {
  const exact = parseMasked(optionValue(target, 'set-xmark'));
  const set = parseMasked(optionValue(target, 'set-mark'));
  const or = parseInteger(optionValue(target, 'or-mark'));
  const and = parseInteger(optionValue(target, 'and-mark'));
  const xor = parseInteger(optionValue(target, 'xor-mark'));
  if (set !== undefined) return { value: set.value, mask: (set.mask | set.value) >>> 0 };
  if (or !== undefined) return { value: or, mask: or };
  if (and !== undefined) return { value: 0, mask: ~and >>> 0 };
  return xor === undefined ? exact : { value: xor, mask: 0 };
}

function translateMark(target: IptablesTarget): readonly Statement[] | undefined {
  const bits = bitsOf(target);
  return bits && [{ kind: 'set-meta', key: 'mark', value: changedBits(MARK, bits) }];
}

/** Masks of a copied mark: which bits are taken from the one, and which are replaced in the other. */
function translateConnectionMark(target: IptablesTarget): readonly Statement[] | undefined {
  const names = new Set(target.options.map(({ name }) => name));
  const save = names.has('save-mark');
  if (!save && !names.has('restore-mark')) {
    const bits = bitsOf(target);
    return bits && [{ kind: 'set-ct', key: 'mark', value: changedBits(CONNECTION_MARK, bits) }];
  }
  const both = parseInteger(optionValue(target, 'mask'));
  const packet = both ?? parseInteger(optionValue(target, 'nfmask')) ?? 0xffff_ffff;
  const connection = both ?? parseInteger(optionValue(target, 'ctmask')) ?? 0xffff_ffff;
  const [from, to] = save ? [MARK, CONNECTION_MARK] : [CONNECTION_MARK, MARK];
  const [taken, replaced] = save ? [packet, connection] : [connection, packet];
  const value = combined(from, to, taken, replaced);
  return [save ? { kind: 'set-ct', key: 'mark', value } : { kind: 'set-meta', key: 'mark', value }];
}

/** `(to & ~replaced) ^ (from & taken)` (`xt_connmark.c`). */
function combined(from: Expression, to: Expression, taken: number, replaced: number): Expression {
  const source: Expression =
    taken === 0xffff_ffff ? from : { kind: 'binary', operator: '&', left: from, right: constant(taken) };
  if (replaced === 0xffff_ffff) return source;
  const kept: Expression = { kind: 'binary', operator: '&', left: to, right: constant(~replaced >>> 0) };
  return { kind: 'binary', operator: '^', left: kept, right: source };
}

/** One more hop or one less changes no packet's way but in a loop; nft has no words for it. */
function translateHopLimit(target: IptablesTarget): readonly Statement[] | undefined {
  const [option, field] =
    target.name === 'TTL' ? (['ttl-set', 'ip ttl'] as const) : (['hl-set', 'ip6 hoplimit'] as const);
  const text = optionValue(target, option);
  const value = parseInteger(text);
  if (text !== undefined && value === undefined) return undefined;
  return value === undefined ? [] : [{ kind: 'set-payload', field, value: constant(value) }];
}

/** What else it sets than these two, no packet's way hangs on: helpers, events, timeouts. */
function translateTracking({ options }: IptablesTarget): readonly Statement[] | undefined {
  if (options.some(({ name }) => name === 'notrack')) return [{ kind: 'notrack' }];
  const zone = options.find(({ name }) => name.startsWith('zone'));
  if (zone === undefined) return [];
  const number = parseInteger(zone.values[0]);
  if (zone.name !== 'zone' || number === undefined) return undefined;
  // what another rule has exempted stays untracked (`xt_ct_target`)
  const state: Expression = { kind: 'binary', operator: '&', left: STATE, right: constant(UNTRACKED) };
  return [match(state, '==', constant(0)), { kind: 'set-ct', key: 'zone', value: constant(number) }];
}

/** Which end of a packet the built-in chains translate; of others nobody can tell. */
const ENDS: Readonly<Record<string, 'dnat' | 'snat'>> = {
  PREROUTING: 'dnat',
  OUTPUT: 'dnat',
  INPUT: 'snat',
  POSTROUTING: 'snat',
};

/** Another network in place of an address' own, with the rest of it as it was. */
function translateNetwork(target: IptablesTarget, chain: string): readonly Statement[] | undefined {
  const type = ENDS[chain];
  const [address = '', length = ''] = (optionValue(target, 'to') ?? '').split('/');
  const network = tryParseAddress(address);
  if (type === undefined || network === undefined || !/^\d*$/.test(length)) return undefined;
  const { family, value } = network;
  const bits = BigInt(FAMILY_BITS[family]);
  const rest = (1n << (bits - (length === '' ? bits : BigInt(length)))) - 1n;
  const literal = (bigint: bigint): Expression => ({
    kind: 'literal',
    literal: { kind: 'address', address: { family, value: bigint } },
  });
  const end = type === 'dnat' ? 'daddr' : 'saddr';
  const old: Expression = { kind: 'payload', field: family === 4 ? `ip ${end}` : `ip6 ${end}` };
  const kept: Expression = { kind: 'binary', operator: '&', left: old, right: literal(rest) };
  const translated: Expression = { kind: 'binary', operator: '|', left: kept, right: literal(value & ~rest) };
  return [{ kind: 'nat', type, address: translated, flags: [] }];
}

function translateNat(target: IptablesTarget, type: 'dnat' | 'snat'): readonly Statement[] | undefined {
  const option = type === 'dnat' ? 'to-destination' : 'to-source';
  const given = target.options.filter(({ name }) => name === option);
  const [text] = given[0]?.values ?? [];
  if (given.length !== 1 || text === undefined) return undefined;
  const [, bracketed, plain, ports] = /^(?:\[([^\]]*)\]|([^:]*))(?::([\d-]+))?$/.exec(text) ?? [];
  // an IPv6 address alone has colons and no brackets
  const addresses = bracketed ?? plain ?? text;
  const address = addresses === '' ? undefined : addressesOf(addresses);
  const port = ports === undefined ? undefined : portsOf(ports);
  if ((addresses !== '' && address === undefined) || (ports !== undefined && port === undefined)) return undefined;
  return [
    {
      kind: 'nat',
      type,
      ...(address !== undefined && { address: { kind: 'literal', literal: address } }),
      ...(port !== undefined && { port }),
      flags: flagsOf(target),
    },
  ];
}

function addressesOf(text: string): Literal | undefined {
  const [first, last] = text.split('-').map(tryParseAddress);
  if (first === undefined) return undefined;
  const literal: Literal = { kind: 'address', address: first };
  if (!text.includes('-')) return literal;
  return last && { kind: 'range', from: literal, to: { kind: 'address', address: last } };
}

function portsOf(text: string): Expression | undefined {
  const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (first === undefined) return undefined;
  const from = numberLiteral(Number(first));
  return {
    kind: 'literal',
    literal: last === undefined ? from : { kind: 'range', from, to: numberLiteral(Number(last)) },
  };
}
