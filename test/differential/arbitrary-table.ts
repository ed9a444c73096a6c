import fc from 'fast-check';
import type { Family } from '../../src/address/family.ts';
import type {
  BaseChain,
  Chain,
  ChainType,
  HookName,
  Literal,
  MapElement,
  RejectType,
  Rule,
  Statement,
  Table,
  TableFamily,
  Verdict,
} from '../../src/netfilter/node.ts';
import { anyMark, anyMatch, literal, match, number, type RulePlace } from './arbitrary-match.ts';
import { anyNamedParts, type NamedPart } from './arbitrary-set.ts';
import { anyDraw, anyTranslation } from './arbitrary-translation.ts';
import { devicesOf, INTERFACES, macOf, type SiteName } from './site-plan.ts';

type Weighted = fc.WeightedArbitrary<readonly Statement[]>;

const REJECTS: readonly RejectType[] = [
  'tcp reset',
  'port-unreachable',
  'admin-prohibited',
  'host-unreachable',
  'net-unreachable',
];

const anyAction: fc.Arbitrary<readonly Statement[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<readonly Statement[]>([{ kind: 'counter' }]) },
  {
    weight: 3,
    arbitrary: anyMark.map((mark): readonly Statement[] => [{ kind: 'set-meta', key: 'mark', value: number(mark) }]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1, 2, 0x100).map((bit): readonly Statement[] => [
      {
        kind: 'set-meta',
        key: 'mark',
        value: { kind: 'binary', operator: '|', left: { kind: 'meta', key: 'mark' }, right: number(bit) },
      },
    ]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<readonly Statement[]>(
      [{ kind: 'set-ct', key: 'mark', value: { kind: 'meta', key: 'mark' } }],
      [{ kind: 'set-meta', key: 'mark', value: { kind: 'ct', key: 'mark' } }],
    ),
  },
);

function anyVerdict(chains: readonly string[]): fc.Arbitrary<Verdict> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant<Verdict>({ kind: 'accept' }) },
    { weight: 2, arbitrary: fc.constant<Verdict>({ kind: 'drop' }) },
    { weight: 1, arbitrary: fc.constant<Verdict>({ kind: 'return' }) },
    ...(chains.length === 0
      ? []
      : [
          {
            weight: 4,
            arbitrary: fc
              .tuple(fc.constantFrom('jump' as const, 'goto' as const), fc.constantFrom(...chains))
              .map(([kind, chain]): Verdict => ({ kind, chain })),
          },
        ]),
  );
}

/** A verdict for each of some ports, protocols or marks. */
function anyVerdictMap(chains: readonly string[]): fc.Arbitrary<readonly Statement[]> {
  const elements = (values: readonly number[]) =>
    fc
      .tuple(...values.map(() => anyVerdict(chains)))
      .map((verdicts): MapElement[] =>
        verdicts.map((value, index) => ({ key: [{ kind: 'number', value: values[index] ?? 0 }], value })),
      );
  return fc.oneof(
    elements([6, 17]).map((all): readonly Statement[] => [
      { kind: 'vmap', key: { kind: 'meta', key: 'l4proto' }, map: { elements: all } },
    ]),
    elements([0, 1, 2]).map((all): readonly Statement[] => [
      { kind: 'vmap', key: { kind: 'meta', key: 'mark' }, map: { elements: all } },
    ]),
    elements([80, 81, 2000]).map((all): readonly Statement[] => [
      match({ kind: 'meta', key: 'l4proto' }, '==', number(6)),
      { kind: 'vmap', key: { kind: 'payload', field: 'th dport' }, map: { elements: all } },
    ]),
    elements([2, 8]).map((all): readonly Statement[] => [
      { kind: 'vmap', key: { kind: 'ct', key: 'state' }, map: { elements: all } },
    ]),
    fc
      .tuple(anyDraw, elements([0, 1]))
      .map(([key, all]): readonly Statement[] => [{ kind: 'vmap', key, map: { elements: all } }]),
  );
}

const ACCEPT: Statement = { kind: 'verdict', verdict: { kind: 'accept' } };

function anyEnd(
  place: RulePlace,
  type: ChainType,
  family: TableFamily,
  chains: readonly string[],
): fc.Arbitrary<readonly Statement[]> {
  const verdict: Weighted = {
    weight: 6,
    arbitrary: anyVerdict(chains).map((each): readonly Statement[] => [{ kind: 'verdict', verdict: each }]),
  };
  const maps = (place.named ?? []).filter((part) => part.use === 'verdict');
  const map: Weighted = {
    weight: maps.length > 0 ? 4 : 1,
    arbitrary: fc.oneof(
      { weight: 1, arbitrary: anyVerdictMap(chains) },
      ...(maps.length === 0
        ? []
        : [{ weight: 3, arbitrary: fc.constantFrom(...maps).map(({ statements }) => statements()) }]),
    ),
  };
  if (type === 'nat')
    return fc.oneof({ ...verdict, weight: 2 }, map, { weight: 10, arbitrary: anyTranslation(place, family) });
  const refuses =
    place.hook === 'input' || place.hook === 'forward' || place.hook === 'output' || place.hook === 'prerouting';
  return fc.oneof(
    verdict,
    map,
    { weight: 6, arbitrary: anyAction },
    ...(refuses
      ? [
          {
            weight: 1,
            arbitrary: fc
              .constantFrom(...REJECTS)
              .map((each): readonly Statement[] => [{ kind: 'reject', with: each }]),
          },
        ]
      : []),
    ...(place.hook === 'prerouting' || place.hook === 'output'
      ? [
          { weight: 1, arbitrary: fc.constant<readonly Statement[]>([{ kind: 'notrack' }]) },
          {
            weight: place.isEarly === true ? 1 : 0,
            arbitrary: fc
              .constantFrom(1, 2)
              .map((zone): readonly Statement[] => [{ kind: 'set-ct', key: 'zone', value: number(zone) }]),
          },
        ]
      : []),
  );
}

function anyRule(
  place: RulePlace,
  type: ChainType,
  family: TableFamily,
  chains: readonly string[],
): fc.Arbitrary<Rule> {
  return fc
    .record({
      matches: fc.array(anyMatch(place), { maxLength: 2 }),
      actions: fc.array(anyAction, { maxLength: 1 }),
      end: anyEnd(place, type, family, chains),
    })
    .map(({ matches, actions, end }) => ({ statements: [...matches, ...actions, end].flat() }));
}

const HOOKS: readonly (readonly [ChainType, HookName])[] = [
  ['filter', 'prerouting'],
  ['filter', 'input'],
  ['filter', 'forward'],
  ['filter', 'output'],
  ['filter', 'postrouting'],
  ['route', 'output'],
  ['nat', 'prerouting'],
  ['nat', 'prerouting'],
  ['nat', 'input'],
  ['nat', 'output'],
  ['nat', 'postrouting'],
  ['nat', 'postrouting'],
];

/** NF_IP_PRI_CONNTRACK. */
const CONNTRACK = -200;
const PRIORITIES = [-400, -300, -225, -150, -110, -100, -50, 0, 50, 90, 110, 300];

function anyChains(
  site: SiteName,
  family: TableFamily,
  families: readonly Family[],
  named: readonly NamedPart[],
): fc.Arbitrary<readonly Chain[]> {
  return fc
    .tuple(fc.constantFrom(...HOOKS), fc.constantFrom(...PRIORITIES), fc.integer({ min: 0, max: 9 }), fc.nat(1000))
    .chain(([[type, hook], priority, chance, id]) => {
      const place: RulePlace = { site, families, hook, named, isEarly: priority < CONNTRACK };
      const regular = `r${id}`;
      const base: BaseChain = {
        type,
        hook,
        priority: type === 'nat' && priority <= -200 ? -100 : priority,
        policy: chance === 0 && type !== 'nat' ? 'drop' : 'accept',
      };
      return fc
        .tuple(
          fc.array(anyRule(place, type, family, [regular]), { minLength: 1, maxLength: 4 }),
          fc.array(anyRule(place, type, family, []), { maxLength: 3 }),
        )
        .map(([rules, others]): readonly Chain[] => [
          { name: `b${id}`, base, rules },
          { name: regular, rules: others },
        ]);
    });
}

/** A table for a host: some base chains, each with one that it may jump to. */
export function anyTable(site: SiteName, name: string): fc.Arbitrary<Table> {
  return fc.constantFrom<TableFamily>('ip', 'ip', 'ip6', 'inet', 'inet').chain((family) => {
    const families: readonly Family[] = family === 'ip' ? [4] : family === 'ip6' ? [6] : [4, 6];
    return anyNamedParts(site, families).chain((named) =>
      fc
        .uniqueArray(anyChains(site, family, families, named), {
          minLength: 1,
          maxLength: 3,
          selector: ([first]) => first?.name,
        })
        .map((chains) => ({
          family,
          name,
          flags: [],
          sets: named.flatMap((part) => (part.use === 'match' ? [part.set] : [])),
          maps: named.flatMap((part) => (part.use === 'match' ? [] : [part.map])),
          chains: chains.flat(),
        })),
    );
  });
}

function anyDeviceMatch(site: SiteName, hook: HookName): fc.Arbitrary<readonly Statement[]> {
  const mac = fc.constantFrom(...INTERFACES).map((each): Literal => ({ kind: 'mac', mac: macOf(each) }));
  const isOf = fc.constantFrom('==' as const, '!=' as const);
  const ofFrame = fc
    .tuple(fc.constantFrom('ether saddr' as const, 'ether daddr' as const), isOf, mac)
    .map(([field, operator, value]): readonly Statement[] => [
      match({ kind: 'payload', field }, operator, literal(value)),
    ]);
  const inner = anyMatch({ site, families: [4, 6], hook }).filter(
    (statements) => !/"kind":"(?:ct|fib)"|nfproto|pkttype|skuid|cgroup/.test(textOf(statements)),
  );
  return fc.oneof({ weight: 6, arbitrary: inner }, { weight: hook === 'ingress' ? 2 : 0, arbitrary: ofFrame });
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part));
}

function anyDeviceRule(site: SiteName, hook: HookName, chains: readonly string[]): fc.Arbitrary<Rule> {
  const mark = anyMark.map((value): readonly Statement[] => [{ kind: 'set-meta', key: 'mark', value: number(value) }]);
  const verdict = anyVerdict(chains).map((each): readonly Statement[] => [{ kind: 'verdict', verdict: each }]);
  return fc
    .record({
      matches: fc.array(anyDeviceMatch(site, hook), { maxLength: 2 }),
      end: fc.oneof({ weight: 3, arbitrary: verdict }, { weight: 1, arbitrary: mark }),
    })
    .map(({ matches, end }) => ({ statements: [...matches, end].flat() }));
}

/** Neighbours are still asked for and answer, whatever the chain's other rules and its policy drop. */
const NEIGHBOURS: readonly Rule[] = [
  { statements: [match({ kind: 'meta', key: 'protocol' }, '==', number(0x0806)), ACCEPT] },
  {
    statements: [
      match({ kind: 'meta', key: 'l4proto' }, '==', number(58)),
      match({ kind: 'payload', field: 'icmpv6 type' }, '==', {
        kind: 'set',
        elements: [135, 136].map((value) => ({ key: [{ kind: 'number', value }] })),
      }),
      ACCEPT,
    ],
  },
];

/** A table whose chains look at what devices receive and send. */
export function anyDeviceTable(site: SiteName, name: string): fc.Arbitrary<Table> {
  const devices = fc.uniqueArray(fc.constantFrom(...devicesOf(site), 'lo'), { minLength: 1, maxLength: 2 });
  const chain = fc
    .tuple(fc.constantFrom('ingress' as const, 'egress' as const), devices, fc.nat(1000), fc.nat(9))
    .chain(([hook, on, id, chance]) =>
      fc
        .tuple(
          fc.array(anyDeviceRule(site, hook, [`r${id}`]), { minLength: 1, maxLength: 4 }),
          fc.array(anyDeviceRule(site, hook, []), { maxLength: 2 }),
          fc.constantFrom(-10, 0, 10),
        )
        .map(([rules, others, priority]): readonly Chain[] => [
          {
            name: `b${id}`,
            base: { type: 'filter', hook, priority, policy: chance === 0 ? 'drop' : 'accept', devices: on },
            rules: [...NEIGHBOURS, ...rules],
          },
          { name: `r${id}`, rules: others },
        ]),
    );
  return fc
    .uniqueArray(chain, { minLength: 1, maxLength: 3, selector: ([first]) => first?.name })
    .map((chains) => ({ family: 'netdev', name, flags: [], sets: [], maps: [], chains: chains.flat() }));
}

const BRIDGE_HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;

/** A table whose chains look at the frames of r's bridge. */
export function anyBridgeTable(name: string): fc.Arbitrary<Table> {
  const chain = fc
    .tuple(fc.constantFrom(...BRIDGE_HOOKS), fc.nat(1000), fc.nat(9), fc.constantFrom(-300, -200, -100))
    .chain(([hook, id, chance, priority]) =>
      fc.array(anyDeviceRule('r', hook, []), { minLength: 1, maxLength: 4 }).map(
        (rules): Chain => ({
          name: `b${id}`,
          base: { type: 'filter', hook, priority, policy: chance === 0 ? 'drop' : 'accept' },
          rules: [...NEIGHBOURS, ...rules],
        }),
      ),
    );
  return fc
    .uniqueArray(chain, { minLength: 1, maxLength: 3, selector: (each) => each.name })
    .map((chains) => ({ family: 'bridge', name, flags: [], sets: [], maps: [], chains }));
}
