import { DATA_TYPES } from './data-type.ts';
import type { ConntrackKey, DataType, Expression, MetaKey, NamedMap } from './node.ts';
import { PAYLOAD_FIELDS } from './payload-field.ts';

/** What a value is and how it lies in registers. */
export interface ValueType {
  readonly type: DataType;
  readonly bytes: number;
  readonly order: 'big' | 'host';
}

const META_TYPES: Readonly<Record<MetaKey, DataType>> = {
  mark: 'mark',
  iif: 'iface_index',
  oif: 'iface_index',
  iifname: 'ifname',
  oifname: 'ifname',
  iiftype: 'iface_type',
  oiftype: 'iface_type',
  l4proto: 'inet_proto',
  nfproto: 'nf_proto',
  protocol: 'ether_type',
  pkttype: 'pkt_type',
  length: 'integer',
  skuid: 'uid',
  cgroup: 'cgroup',
  iifgroup: 'devgroup',
  oifgroup: 'devgroup',
  ibrname: 'ifname',
  obrname: 'ifname',
};

const CONNTRACK_TYPES: Readonly<Record<ConntrackKey, DataType>> = {
  state: 'ct_state',
  status: 'ct_status',
  mark: 'mark',
  direction: 'ct_dir',
  'ip saddr': 'ipv4_addr',
  'ip daddr': 'ipv4_addr',
  'ip6 saddr': 'ipv6_addr',
  'ip6 daddr': 'ipv6_addr',
  'proto-src': 'inet_service',
  'proto-dst': 'inet_service',
  protocol: 'inet_proto',
  zone: 'integer',
};

export const META_KEYS = Object.keys(META_TYPES) as readonly MetaKey[];
export const CONNTRACK_KEYS = Object.keys(CONNTRACK_TYPES) as readonly ConntrackKey[];

const FIB_TYPES = { oif: 'iface_index', oifname: 'ifname', type: 'fib_addrtype' } as const;

/** A data type's own layout. */
export function valueTypeOf(type: DataType): ValueType {
  const { bytes, order } = DATA_TYPES[type];
  return { type, bytes, order };
}

export function metaType(key: MetaKey): ValueType {
  return valueTypeOf(META_TYPES[key]);
}

export function conntrackType(key: ConntrackKey): ValueType {
  // The kernel gives a zone as 16 bits.
  if (key === 'zone') return { type: 'integer', bytes: 2, order: 'host' };
  return valueTypeOf(CONNTRACK_TYPES[key]);
}

/**
 * The types of what an expression gives, one for each part of a concatenation.
 * @param mapNamed finds a named map's declaration
 * @returns undefined where only the other side of a match can tell: of literals, of sets, of maps that aren't known
 */
export function typesOfExpression(
  expression: Expression,
  mapNamed: (name: string) => Pick<NamedMap, 'value'> | undefined,
): readonly ValueType[] | undefined {
  switch (expression.kind) {
    case 'payload': {
      const { type, bytes } = PAYLOAD_FIELDS[expression.field];
      return [{ type, bytes, order: type === 'integer' ? 'big' : DATA_TYPES[type].order }];
    }
    case 'meta':
      return [metaType(expression.key)];
    case 'ct':
      return [conntrackType(expression.key)];
    case 'fib':
      return [valueTypeOf(FIB_TYPES[expression.result])];
    case 'numgen':
    case 'jhash':
      return [valueTypeOf('integer')];
    case 'binary':
      return typesOfExpression(expression.left, mapNamed) ?? typesOfExpression(expression.right, mapNamed);
    case 'concatenation': {
      const parts = expression.parts.map((part) => typesOfExpression(part, mapNamed));
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    }
    case 'map': {
      const value = mapNamed(expression.name)?.value;
      return value === undefined || value === 'verdict' ? undefined : value.map(valueTypeOf);
    }
    case 'literal':
    case 'set':
    case 'set-reference':
    case 'anonymous-map':
      return undefined;
    default: {
      const never: never = expression;
      return never;
    }
  }
}
