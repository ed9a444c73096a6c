/** Tables of the shapes that a node needs, for tests of encoding, printing and reading. */
import { parseAddress } from '../../src/address/address.ts';
import { parsePrefix } from '../../src/address/prefix.ts';
import type { Expression, Literal, PayloadField, Rule, Statement, Table } from '../../src/netfilter/node.ts';

export const number = (value: number): Literal => ({ kind: 'number', value });
export const address = (text: string): Literal => ({ kind: 'address', address: parseAddress(text) });
export const prefix = (text: string): Literal => ({ kind: 'prefix', prefix: parsePrefix(text) });
export const name = (text: string): Literal => ({ kind: 'name', name: text });
export const mac = (text: string): Literal => ({ kind: 'mac', mac: text });
const literal = (value: Literal): Expression => ({ kind: 'literal', literal: value });
const payload = (field: PayloadField): Expression => ({ kind: 'payload', field });
const concatenation = (...parts: Expression[]): Expression => ({ kind: 'concatenation', parts });
const inSet = (left: Expression, set: string, operator: '==' | '!=' = '=='): Statement => ({
  kind: 'match',
  operator,
  left,
  right: { kind: 'set-reference', name: set },
});
const equals = (left: Expression, right: Literal, operator: '==' | '!=' = '=='): Statement => ({
  kind: 'match',
  operator,
  left,
  right: literal(right),
});
const l4proto: Expression = { kind: 'meta', key: 'l4proto' };
const iifname: Expression = { kind: 'meta', key: 'iifname' };
const drop: Statement = { kind: 'verdict', verdict: { kind: 'drop' } };
const accept: Statement = { kind: 'verdict', verdict: { kind: 'accept' } };
const rule = (...statements: Statement[]): Rule => ({ statements });

/** Pods' packets leave under the node's address, but for destinations in an interval set. */
export const MASQUERADE: Table = {
  family: 'ip',
  name: 'flatnet',
  flags: [],
  sets: [
    {
      name: 'exempt',
      key: ['ipv4_addr'],
      flags: ['interval'],
      elements: [
        { key: [prefix('10.244.0.0/16')] },
        { key: [prefix('192.168.0.0/24')] },
        { key: [address('10.0.0.1')] },
      ],
    },
    { name: 'pods', key: ['ipv4_addr'], flags: ['interval'], elements: [{ key: [prefix('10.244.1.0/24')] }] },
  ],
  maps: [],
  chains: [
    {
      name: 'postrouting',
      base: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
      rules: [
        {
          statements: [
            inSet(payload('ip saddr'), 'pods'),
            inSet(payload('ip daddr'), 'exempt', '!='),
            { kind: 'masquerade', flags: ['fully-random'] },
          ],
          comment: 'what leaves the cluster',
        },
      ],
    },
  ],
};

/** A pod may send from its own addresses only, and answer ARP and neighbour discovery for them only. */
export function antiSpoof(...devices: string[]): Table {
  const source = concatenation(iifname, payload('ether saddr'), payload('ip saddr'));
  const element = (device: string, index: number) => [
    name(device),
    mac('0a:58:0a:f4:01:02'),
    address(`10.244.1.${2 + index}`),
  ];
  return {
    family: 'netdev',
    name: 'flatnet',
    flags: [],
    sets: [
      {
        name: 'source4',
        key: ['ifname', 'ether_addr', 'ipv4_addr'],
        flags: [],
        elements: devices.map((device, index) => ({ key: element(device, index) })),
      },
      {
        name: 'source6',
        key: ['ifname', 'ipv6_addr'],
        flags: [],
        elements: devices.map((device) => ({ key: [name(device), address('fd00:10:244::2')] })),
      },
    ],
    maps: [],
    chains: [
      {
        name: 'pods',
        base: { type: 'filter', hook: 'ingress', priority: 0, policy: 'accept', devices: [...devices].sort() },
        rules: [
          rule(equals({ kind: 'meta', key: 'protocol' }, number(0x0800)), inSet(source, 'source4'), accept),
          rule(
            inSet(concatenation(iifname, payload('arp saddr ether'), payload('arp saddr ip')), 'source4', '!='),
            drop,
          ),
          rule(
            equals(payload('icmpv6 type'), number(136)),
            inSet(concatenation(iifname, payload('icmpv6 taddr')), 'source6', '!='),
            drop,
          ),
          rule(equals(payload('ip6 saddr'), prefix('fe80::/10')), accept),
          rule(inSet(concatenation(iifname, payload('ip6 saddr')), 'source6', '!='), drop),
        ],
      },
    ],
  };
}

const front = [payload('ip daddr'), l4proto, payload('th dport')];
const offCluster: Statement = equals(payload('ip saddr'), prefix('10.244.0.0/16'), '!=');

/** Services: one look-up to a chain for the number of endpoints, one more to the endpoint; hairpin and affinity. */
export const SERVICES: Table = {
  family: 'ip',
  name: 'flatnet',
  flags: [],
  sets: [
    {
      name: 'hairpin',
      key: ['ipv4_addr', 'ipv4_addr'],
      flags: [],
      elements: [{ key: [address('10.244.1.2'), address('10.244.1.2')] }],
    },
  ],
  maps: [
    {
      name: 'services',
      key: ['ipv4_addr', 'inet_proto', 'inet_service'],
      flags: [],
      size: 65536,
      value: 'verdict',
      elements: [{ key: [address('10.96.0.1'), number(6), number(443)], value: { kind: 'goto', chain: 'c2' } }],
    },
    {
      name: 'endpoints',
      key: ['ipv4_addr', 'inet_proto', 'inet_service', 'mark'],
      flags: [],
      value: ['ipv4_addr', 'inet_service'],
      elements: [0, 1].map((index) => ({
        key: [address('10.96.0.1'), number(6), number(443), number(index)],
        value: [address(`10.244.${index}.2`), number(6443)],
      })),
    },
  ],
  chains: [
    { name: 'mark-masquerade', rules: [rule(setMark('|', 0x4000))] },
    {
      name: 'c2',
      rules: [
        rule(offCluster, { kind: 'verdict', verdict: { kind: 'jump', chain: 'mark-masquerade' } }),
        rule({
          kind: 'nat',
          type: 'dnat',
          address: {
            kind: 'map',
            key: concatenation(...front, { kind: 'numgen', mode: 'random', modulus: 2, offset: 0 }),
            name: 'endpoints',
          },
          flags: [],
        }),
      ],
    },
    { name: 'services', rules: [rule({ kind: 'vmap', key: concatenation(...front), map: { name: 'services' } })] },
    {
      name: 'prerouting',
      base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
      rules: [rule({ kind: 'verdict', verdict: { kind: 'jump', chain: 'services' } })],
    },
    {
      name: 'postrouting',
      base: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
      rules: [
        rule(
          { kind: 'match', operator: 'in', left: { kind: 'ct', key: 'status' }, right: literal(number(32)) },
          inSet(concatenation(payload('ip saddr'), payload('ip daddr')), 'hairpin'),
          { kind: 'masquerade', flags: [] },
        ),
        rule(equals(maskedMark(0x4000), number(0), '!='), { kind: 'masquerade', flags: ['fully-random'] }),
      ],
    },
  ],
};

function maskedMark(mask: number): Expression {
  return { kind: 'binary', operator: '&', left: { kind: 'meta', key: 'mark' }, right: literal(number(mask)) };
}

function setMark(operator: '|' | '^', value: number): Statement {
  const mark: Expression = { kind: 'meta', key: 'mark' };
  return {
    kind: 'set-meta',
    key: 'mark',
    value: { kind: 'binary', operator, left: mark, right: literal(number(value)) },
  };
}

/** A bit of everything else that rules look at and do, both families in one table. */
export const ASSORTED: Table = {
  family: 'inet',
  name: 'flatnet',
  flags: [],
  sets: [
    {
      name: 'ranges',
      key: ['ipv4_addr', 'inet_service'],
      flags: ['interval'],
      elements: [
        { key: [prefix('10.0.0.0/8'), { kind: 'range', from: number(80), to: number(90) }] },
        { key: [address('1.2.3.4'), number(53)] },
      ],
    },
    { name: 'recent', key: ['ipv4_addr'], flags: ['dynamic', 'timeout'], timeout: 60_000, size: 65_535, elements: [] },
    {
      name: 'ports',
      key: ['inet_service'],
      flags: ['interval'],
      autoMerge: true,
      elements: [
        { key: [{ kind: 'range', from: number(60000), to: number(65535) }] },
        { key: [{ kind: 'range', from: number(0), to: number(1023) }] },
      ],
    },
  ],
  maps: [],
  chains: [
    {
      name: 'forward',
      base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' },
      rules: [
        rule(
          { kind: 'match', operator: 'in', left: { kind: 'ct', key: 'state' }, right: literal(number(6)) },
          { kind: 'counter' },
          accept,
        ),
        rule(equals({ kind: 'fib', selectors: ['saddr', 'iif'], result: 'oif' }, number(0)), drop),
        rule(equals({ kind: 'fib', selectors: ['daddr'], result: 'type' }, number(2)), accept),
        rule(inSet(concatenation(payload('ip saddr'), payload('th dport')), 'ranges'), accept),
        rule(equals(l4proto, number(6)), inSet(payload('th dport'), 'ports'), accept),
        rule(
          { kind: 'match', operator: '>', left: { kind: 'meta', key: 'mark' }, right: literal(number(5)) },
          { kind: 'limit', rate: 10, per: 'second', burst: 5, over: true, unit: 'packets' },
          { kind: 'log', prefix: 'too many ' },
          drop,
        ),
        rule(
          {
            kind: 'match',
            operator: '==',
            left: { kind: 'meta', key: 'mark' },
            right: literal({ kind: 'range', from: number(5), to: number(9) }),
          },
          { kind: 'dynamic-set', operation: 'update', set: 'recent', key: payload('ip saddr'), timeout: 300_000 },
        ),
        rule(equals({ kind: 'ct', key: 'ip daddr', direction: 'original' }, address('10.96.0.1')), accept),
        rule({
          kind: 'vmap',
          key: { kind: 'jhash', of: payload('ip saddr'), modulus: 10, offset: 2 },
          map: {
            elements: [
              { key: [number(2)], value: { kind: 'accept' } },
              { key: [{ kind: 'range', from: number(3), to: number(5) }], value: { kind: 'drop' } },
            ],
          },
        }),
        rule(equals(payload('ip dscp'), number(46)), {
          kind: 'set-payload',
          field: 'ip ttl',
          value: literal(number(5)),
        }),
        rule(equals(payload('tcp flags'), number(2)), { kind: 'reject', with: 'tcp reset' }),
        rule(equals(iifname, name('veth*')), { kind: 'reject', with: 'admin-prohibited' }),
      ],
    },
  ],
};

/** A bridge's ports, by their names and what they send. */
export const BRIDGE: Table = {
  family: 'bridge',
  name: 'flatnet',
  flags: [],
  sets: [
    {
      name: 'ports',
      key: ['ifname', 'ipv4_addr'],
      flags: [],
      elements: [{ key: [name('veth1'), address('10.244.1.2')] }],
    },
  ],
  maps: [],
  chains: [
    {
      name: 'prerouting',
      base: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' },
      rules: [
        rule(inSet(concatenation(iifname, payload('ip saddr')), 'ports', '!='), drop),
        rule(equals(payload('ether saddr'), mac('0a:58:0a:f4:01:02')), accept),
      ],
    },
  ],
};

const ctOriginal = (key: 'ip daddr' | 'proto-dst'): Expression => ({ kind: 'ct', key, direction: 'original' });

/**
 * Session affinity: where a client's last connection to a service went is where the next one goes. It is noted after the
 * translation, when the packet bears the endpoint and conntrack the service.
 */
export const AFFINITY: Table = {
  family: 'ip',
  name: 'flatnet',
  flags: [],
  sets: [],
  maps: [
    {
      name: 'affinity',
      key: ['ipv4_addr', 'ipv4_addr', 'inet_proto', 'inet_service'],
      flags: ['dynamic', 'timeout'],
      timeout: 10_800_000,
      size: 65_535,
      value: ['ipv4_addr', 'inet_service'],
      elements: [],
    },
  ],
  chains: [
    {
      name: 'prerouting',
      base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
      rules: [
        rule({
          kind: 'nat',
          type: 'dnat',
          address: { kind: 'map', key: concatenation(payload('ip saddr'), ...front), name: 'affinity' },
          flags: [],
        }),
      ],
    },
    {
      name: 'postrouting',
      base: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
      rules: [
        rule({
          kind: 'dynamic-set',
          operation: 'update',
          set: 'affinity',
          key: concatenation(payload('ip saddr'), ctOriginal('ip daddr'), l4proto, ctOriginal('proto-dst')),
          value: concatenation(payload('ip daddr'), payload('th dport')),
          timeout: 60_000,
        }),
      ],
    },
  ],
};
