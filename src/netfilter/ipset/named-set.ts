import { tryParseAddress } from '../../address/address.ts';
import { FAMILY_BITS, type Family } from '../../address/family.ts';
import { prefixOf } from '../../address/prefix.ts';
import type { DataType, Expression, Literal, NamedSet, PayloadField, SetElement } from '../node.ts';
import { symbolValue } from '../symbol.ts';
import type { IpSet, IpSetEntry } from './node.ts';

/** A set in nft's terms, and what a rule has to ask it with. */
export interface TranslatedSet {
  readonly set: NamedSet;
  readonly family: Family;
  /** What is asked for, given the directions of the match: `src,dst`. */
  key(directions: readonly string[]): Expression | undefined;
}

/** `port` has its protocol with it, `service` has none; a device is the one that packets come in by as a source. */
type Part = 'address' | 'port' | 'service' | 'device' | 'mark';

const PARTS: Readonly<Record<string, readonly Part[]>> = {
  'hash:ip': ['address'],
  'hash:net': ['address'],
  'hash:ip,port': ['address', 'port'],
  'hash:net,port': ['address', 'port'],
  'hash:ip,port,ip': ['address', 'port', 'address'],
  'hash:ip,port,net': ['address', 'port', 'address'],
  'hash:net,net': ['address', 'address'],
  'hash:net,port,net': ['address', 'port', 'address'],
  'bitmap:ip': ['address'],
  'bitmap:port': ['service'],
  'hash:net,iface': ['address', 'device'],
  'hash:ip,mark': ['address', 'mark'],
};

/** Options that change what a set holds. */
const UNMODELLED_OPTIONS: readonly string[] = ['netmask', 'bitmask'];

/**
 * A set in nft's terms; undefined where it can't be said in them: other types, exceptions (`nomatch`), masks.
 */
export function translateSet(given: IpSet): TranslatedSet | undefined {
  const parts = PARTS[given.type];
  if (parts === undefined || UNMODELLED_OPTIONS.some((option) => given.options.has(option))) return undefined;
  const family: Family = given.options.get('family') === 'inet6' ? 6 : 4;
  const elements = given.entries.map((entry) => elementOf(entry, parts, family));
  if (!elements.every((element) => element !== undefined)) return undefined;
  const timeout = Number(given.options.get('timeout') ?? 0);
  const key = parts.flatMap((part) => typesOf(part, family));
  const set: NamedSet = {
    name: given.name,
    key,
    flags: ['interval', ...(given.options.has('timeout') ? (['timeout'] as const) : [])],
    ...(timeout > 0 && { timeout: timeout * 1000 }),
    elements,
  };
  return { set, family, key: (directions) => keyOf(parts, directions, family) };
}

/** A set of sets holds what any of them holds; undefined where they aren't of one type, or one is not understood. */
export function translateList(
  given: IpSet,
  find: (name: string) => { readonly type: string; readonly translated: TranslatedSet } | undefined,
): TranslatedSet | undefined {
  const members = given.entries.map(({ text }) => find(text));
  const [first] = members;
  if (first === undefined || !members.every((member) => member?.type === first.type)) return undefined;
  const sets = members.flatMap((member) => member?.translated ?? []);
  if (sets.some(({ family }) => family !== first.translated.family)) return undefined;
  const elements = sets.flatMap(({ set }) => set.elements);
  return { ...first.translated, set: { ...first.translated.set, name: given.name, elements } };
}

function typesOf(part: Part, family: Family): readonly DataType[] {
  switch (part) {
    case 'address':
      return [family === 4 ? 'ipv4_addr' : 'ipv6_addr'];
    case 'port':
      return ['inet_proto', 'inet_service'];
    case 'service':
      return ['inet_service'];
    case 'device':
      return ['ifname'];
    case 'mark':
      return ['mark'];
    default: {
      const never: never = part;
      return never;
    }
  }
}

function elementOf({ text, options }: IpSetEntry, parts: readonly Part[], family: Family): SetElement | undefined {
  if (options.has('nomatch')) return undefined;
  const words = text.split(',');
  const key = parts.map((part, index) => literalsOf(words[index] ?? '', part, family));
  if (words.length !== parts.length || !key.every((literals) => literals !== undefined)) return undefined;
  const expires = Number(options.get('timeout') ?? 0);
  const comment = options.get('comment');
  return {
    key: key.flat(),
    ...(expires > 0 && { expires: expires * 1000 }),
    ...(comment !== undefined && { comment }),
  };
}

/** `10.0.0.0/8`, `10.0.0.1-10.0.0.9`, `tcp:80`, `udp:80-90`. */
function literalsOf(text: string, part: Part, family: Family): readonly Literal[] | undefined {
  // of a device, `physdev:` asks for the port of a bridge
  if (part === 'device') return text.includes(':') ? undefined : [{ kind: 'name', name: text }];
  if (part === 'mark') return /^(0x[0-9a-f]+|\d+)$/i.test(text) ? [{ kind: 'number', value: Number(text) }] : undefined;
  if (part === 'service') return portsOf(text);
  if (part === 'port') {
    const [, name = '', ports = ''] = /^(\w[\w-]*):(.*)$/.exec(text) ?? [];
    const protocol = symbolValue('inet_proto', name) ?? (/^\d+$/.test(name) ? Number(name) : undefined);
    const literals = portsOf(ports);
    return protocol === undefined ? undefined : literals && [{ kind: 'number', value: protocol }, ...literals];
  }
  const [first = '', last] = text.split('-');
  const [host = '', length] = first.split('/');
  const address = tryParseAddress(host);
  if (address === undefined || address.family !== family) return undefined;
  if (length !== undefined && Number(length) < FAMILY_BITS[family])
    return [{ kind: 'prefix', prefix: prefixOf(address, Number(length)) }];
  const literal: Literal = { kind: 'address', address };
  if (last === undefined) return [literal];
  const end = tryParseAddress(last);
  return end && [{ kind: 'range', from: literal, to: { kind: 'address', address: end } }];
}

/** `80`, `80-90`. */
function portsOf(text: string): readonly Literal[] | undefined {
  const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (from === undefined) return undefined;
  const port = (digits: string): Literal => ({ kind: 'number', value: Number(digits) });
  return [to === undefined ? port(from) : { kind: 'range', from: port(from), to: port(to) }];
}

function keyOf(parts: readonly Part[], directions: readonly string[], family: Family): Expression | undefined {
  const expressions: Expression[] = [];
  for (const [index, part] of parts.entries()) {
    const direction = directions[index];
    if (direction !== 'src' && direction !== 'dst') return undefined;
    const side = direction === 'src' ? 's' : 'd';
    if (part === 'port') expressions.push({ kind: 'meta', key: 'l4proto' }, payload(`th ${side}port`));
    else if (part === 'service') expressions.push(payload(`th ${side}port`));
    else if (part === 'device') expressions.push({ kind: 'meta', key: side === 's' ? 'iifname' : 'oifname' });
    else if (part === 'mark') expressions.push({ kind: 'meta', key: 'mark' });
    else expressions.push(payload(family === 4 ? `ip ${side}addr` : `ip6 ${side}addr`));
  }
  const [only] = expressions;
  return expressions.length === 1 ? only : { kind: 'concatenation', parts: expressions };
}

function payload(field: PayloadField): Expression {
  return { kind: 'payload', field };
}
