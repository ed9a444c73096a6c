import fc from 'fast-check';
import { type Address, formatAddress } from '../../src/address/address.ts';
import type { Family } from '../../src/address/family.ts';
import { prefixOf } from '../../src/address/prefix.ts';
import type {
  Expression,
  HookName,
  Literal,
  MetaKey,
  PayloadField,
  SetElement,
  Statement,
} from '../../src/netfilter/node.ts';
import type { NamedPart } from './arbitrary-set.ts';
import { addressesOf, devicesOf, INTERFACES, PORTS, SITES, type SiteName, VIRTUAL } from './site-plan.ts';

/** Where a rule stands. */
export interface RulePlace {
  readonly site: SiteName;
  /** The families of packets that it sees. */
  readonly families: readonly Family[];
  readonly hook: HookName;
  /** Before connections are tracked. */
  readonly isEarly?: boolean;
  /** The sets and maps of its table. */
  readonly named?: readonly NamedPart[];
}

export const literal = (value: Literal): Expression => ({ kind: 'literal', literal: value });
export const number = (value: number): Expression => literal({ kind: 'number', value });
const payload = (field: PayloadField): Expression => ({ kind: 'payload', field });
type Match = Extract<Statement, { readonly kind: 'match' }>;
export const match = (left: Expression, operator: Match['operator'], right: Expression): Statement => ({
  kind: 'match',
  left,
  operator,
  right,
});
const setOf = (...keys: readonly (readonly Literal[])[]): Expression => ({
  kind: 'set',
  elements: keys.map((key): SetElement => ({ key })),
});
const equality = fc.constantFrom('==' as const, '!=' as const);

const POOL: Readonly<Record<Family, readonly Address[]>> = {
  4: [...SITES.flatMap((site) => addressesOf(site, 4)), ...VIRTUAL[4]],
  6: [...SITES.flatMap((site) => addressesOf(site, 6)), ...VIRTUAL[6]],
};

export const anyAddress = (family: Family): fc.Arbitrary<Address> => fc.constantFrom(...POOL[family]);
export const anyPort: fc.Arbitrary<number> = fc.constantFrom(...PORTS);
export const anyMark: fc.Arbitrary<number> = fc.constantFrom(0, 1, 2, 3, 0x10, 0xff00);

/** An address, its network, or a larger prefix around it. */
export const anyAddressLiteral = (family: Family): fc.Arbitrary<Literal> =>
  fc
    .tuple(anyAddress(family), fc.constantFrom(...(family === 4 ? [32, 24, 14, 31] : [128, 64, 30, 127])))
    .map(
      ([address, length]): Literal =>
        length === 32 * (family === 4 ? 1 : 4)
          ? { kind: 'address', address }
          : { kind: 'prefix', prefix: prefixOf(address, length) },
    );

const portRange: fc.Arbitrary<Literal> = fc
  .constantFrom<readonly [number, number]>([80, 81], [1000, 2000], [0, 1023])
  .map(([from, to]) => ({ kind: 'range', from: { kind: 'number', value: from }, to: { kind: 'number', value: to } }));
const portLiteral: fc.Arbitrary<Literal> = fc.oneof(
  { weight: 3, arbitrary: anyPort.map((value): Literal => ({ kind: 'number', value })) },
  { weight: 1, arbitrary: portRange },
);

/** TCP or UDP: without it a rule would read other headers for ports. */
const withPorts = (statement: Statement): readonly Statement[] => [
  match({ kind: 'meta', key: 'l4proto' }, '==', setOf([{ kind: 'number', value: 6 }], [{ kind: 'number', value: 17 }])),
  statement,
];

function addressMatch(family: Family): fc.Arbitrary<readonly Statement[]> {
  const ip = family === 4 ? 'ip' : 'ip6';
  const field = fc.constantFrom<PayloadField>(`${ip} saddr`, `${ip} daddr`);
  return fc.oneof(
    fc
      .tuple(field, equality, anyAddressLiteral(family))
      .map(([which, operator, value]) => [match(payload(which), operator, literal(value))]),
    fc
      .tuple(
        field,
        equality,
        fc.uniqueArray(anyAddress(family), { minLength: 2, maxLength: 6, selector: formatAddress }),
      )
      .map(([which, operator, all]) => [
        match(payload(which), operator, setOf(...all.map((address) => [{ kind: 'address' as const, address }]))),
      ]),
    fc
      .tuple(field, fc.constantFrom<PayloadField>('th sport', 'th dport'), anyAddress(family), anyPort, equality)
      .map(([which, port, address, value, operator]) =>
        withPorts(
          match(
            { kind: 'concatenation', parts: [payload(which), payload(port)] },
            operator,
            setOf(
              [
                { kind: 'address', address },
                { kind: 'number', value },
              ],
              [
                { kind: 'address', address },
                { kind: 'number', value: 80 + (value === 80 ? 1 : 0) },
              ],
            ),
          ),
        ),
      ),
  );
}

function deviceMatch({ site, hook }: RulePlace): fc.Arbitrary<readonly Statement[]> {
  const keys = [
    ...(hook === 'output' || hook === 'postrouting' ? [] : (['iifname'] as const)),
    ...(hook === 'prerouting' || hook === 'input' || hook === 'ingress' ? [] : (['oifname'] as const)),
  ];
  const names = [...devicesOf(site), 'lo', 'e*', 'r*', 'vx*'];
  return fc
    .tuple(fc.constantFrom(...keys, 'iifname' as const), equality, fc.constantFrom(...names))
    .map(([key, operator, name]) => [match({ kind: 'meta', key }, operator, literal({ kind: 'name', name }))]);
}

const stateMatch: fc.Arbitrary<readonly Statement[]> = fc
  .constantFrom(1, 2, 4, 6, 8, 9, 10, 64, 65)
  .map((bits) => [match({ kind: 'ct', key: 'state' }, 'in', number(bits))]);

const conntrackMatch: fc.Arbitrary<readonly Statement[]> = fc.oneof(
  { weight: 3, arbitrary: stateMatch },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(2, 8, 16, 32, 48)
      .map((bits) => [match({ kind: 'ct', key: 'status' }, 'in', number(bits))]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(equality, fc.constantFrom(0, 1))
      .map(([operator, zone]) => [match({ kind: 'ct', key: 'zone' }, operator, number(zone))]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(equality, fc.constantFrom(1, 6, 17))
      .map(([operator, protocol]) => [match({ kind: 'ct', key: 'protocol' }, operator, number(protocol))]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 1).map((side) => [match({ kind: 'ct', key: 'direction' }, '==', number(side))]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(equality, anyMark)
      .map(([operator, mark]) => [match({ kind: 'ct', key: 'mark' }, operator, number(mark))]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('original' as const, 'reply' as const), anyPort, equality)
      .map(([direction, port, operator]) => [
        match({ kind: 'ct', key: 'proto-dst', direction }, operator, number(port)),
      ]),
  },
);

function conntrackAddressMatch(family: Family): fc.Arbitrary<readonly Statement[]> {
  const ip = family === 4 ? 'ip' : 'ip6';
  return fc
    .tuple(
      fc.constantFrom('original' as const, 'reply' as const),
      fc.constantFrom(`${ip} saddr` as const, `${ip} daddr` as const),
      anyAddressLiteral(family),
      equality,
    )
    .map(([direction, key, value, operator]) => [match({ kind: 'ct', key, direction }, operator, literal(value))]);
}

const metaMatch: fc.Arbitrary<readonly Statement[]> = fc.oneof(
  fc.tuple(equality, anyMark).map(([operator, mark]) => [match({ kind: 'meta', key: 'mark' }, operator, number(mark))]),
  fc
    .constantFrom(1, 2, 0xff00)
    .map((bit) => [
      match(
        { kind: 'binary', operator: '&', left: { kind: 'meta', key: 'mark' }, right: number(bit) },
        '!=',
        number(0),
      ),
    ]),
  fc
    .tuple(equality, fc.constantFrom(1, 6, 17, 58))
    .map(([operator, protocol]) => [match({ kind: 'meta', key: 'l4proto' }, operator, number(protocol))]),
  fc
    .tuple(fc.constantFrom('<' as const, '>' as const, '==' as const), fc.constantFrom(60, 90, 100, 1000))
    .map(([operator, length]) => [match({ kind: 'meta', key: 'length' }, operator, number(length))]),
);

/** What packets and devices are, rather than whose. */
const kindMatch = ({ site }: RulePlace): fc.Arbitrary<readonly Statement[]> => {
  const devices = INTERFACES.filter((each) => each.site === site).map(({ index }) => index);
  const key = (key: MetaKey, ...values: readonly number[]) =>
    fc
      .tuple(equality, fc.constantFrom(...values))
      .map(([operator, value]) => [match({ kind: 'meta', key }, operator, number(value))]);
  return fc.oneof(
    key('nfproto', 2, 10),
    key('protocol', 0x0800, 0x86dd),
    key('pkttype', 0, 1, 2),
    key('iif', 1, ...devices),
    key('oif', 1, ...devices),
    key('iiftype', 1, 772),
    key('oiftype', 1, 772),
    key('iifgroup', 0, 1),
    key('skuid', 0, 1000),
  );
};

/** Fields of the IP header that say nothing of who speaks to whom. */
function headerMatch(family: Family): fc.Arbitrary<readonly Statement[]> {
  const field = (field: PayloadField, ...values: readonly number[]) =>
    fc
      .tuple(equality, fc.constantFrom(...values))
      .map(([operator, value]) => [match(payload(field), operator, number(value))]);
  if (family === 6) return field('ip6 nexthdr', 6, 17, 58);
  return fc.oneof(
    field('ip protocol', 1, 6, 17),
    field('ip length', 36, 48, 76, 1456),
    fc
      .constantFrom(0x1fff, 0x4000)
      .map((mask) => [
        match({ kind: 'binary', operator: '&', left: payload('ip frag-off'), right: number(mask) }, '!=', number(0)),
      ]),
  );
}

const portMatch: fc.Arbitrary<readonly Statement[]> = fc
  .tuple(fc.constantFrom<PayloadField>('th sport', 'th dport'), equality, portLiteral)
  .map(([field, operator, port]) => withPorts(match(payload(field), operator, literal(port))));

const flagMatch: fc.Arbitrary<readonly Statement[]> = fc
  .constantFrom<readonly [number, number]>([2, 2], [18, 2], [18, 16], [4, 4], [23, 2])
  .map(([mask, value]) => [
    match({ kind: 'binary', operator: '&', left: payload('tcp flags'), right: number(mask) }, '==', number(value)),
  ]);

function fibMatch({ hook }: RulePlace): fc.Arbitrary<readonly Statement[]> {
  const input = hook === 'prerouting' || hook === 'input' || hook === 'forward';
  const existence = fc
    .tuple(fc.constantFrom<'saddr' | 'daddr'>('saddr', 'daddr'), fc.boolean(), fc.boolean(), equality)
    .map(([address, withMark, withDevice, operator]): readonly Statement[] => {
      const selectors = [
        address,
        ...(withMark ? (['mark'] as const) : []),
        ...(withDevice && input ? (['iif'] as const) : []),
      ];
      return [match({ kind: 'fib', selectors, result: 'oif' }, operator, number(0))];
    });
  const type = fc
    .tuple(fc.constantFrom<'saddr' | 'daddr'>('saddr', 'daddr'), fc.constantFrom(1, 2, 3), equality)
    .map(([address, value, operator]): readonly Statement[] => [
      match({ kind: 'fib', selectors: [address], result: 'type' }, operator, number(value)),
    ]);
  return input ? fc.oneof(type, existence) : type;
}

const ttlMatch = (family: Family): fc.Arbitrary<readonly Statement[]> =>
  fc
    .tuple(fc.constantFrom('<' as const, '>' as const, '==' as const), fc.constantFrom(2, 3, 62, 63, 64))
    .map(([operator, hops]) => [match(payload(family === 4 ? 'ip ttl' : 'ip6 hoplimit'), operator, number(hops))]);

const icmpMatch = (family: Family): fc.Arbitrary<readonly Statement[]> =>
  fc
    .tuple(equality, fc.constantFrom(...(family === 4 ? [0, 8, 3, 11] : [128, 129, 1, 3])))
    .map(([operator, type]) => [match(payload(family === 4 ? 'icmp type' : 'icmpv6 type'), operator, number(type))]);

const chance: fc.Arbitrary<readonly Statement[]> = fc.oneof(
  fc
    .tuple(fc.constantFrom('random' as const, 'inc' as const), fc.constantFrom(2, 3))
    .map(([mode, modulus]) => [match({ kind: 'numgen', mode, modulus, offset: 0 }, '==', number(0))]),
  fc
    .tuple(fc.constantFrom(2, 3), fc.constantFrom(undefined, 7))
    .map(([modulus, seed]) => [
      match(
        { kind: 'jhash', of: { kind: 'meta', key: 'mark' }, modulus, offset: 0, ...(seed !== undefined && { seed }) },
        '==',
        number(1),
      ),
    ]),
  fc
    .boolean()
    .map((over) => [{ kind: 'limit', rate: 1, per: 'minute', burst: 2, over, unit: 'packets' } satisfies Statement]),
);

function namedMatch({ named = [] }: RulePlace): fc.WeightedArbitrary<readonly Statement[]>[] {
  const sets = named.filter((part) => part.use === 'match');
  if (sets.length === 0) return [];
  const arbitrary = fc.tuple(fc.constantFrom(...sets), fc.boolean()).map(([part, negated]) => part.statements(negated));
  return [{ weight: 12, arbitrary }];
}

/** What a rule asks of a packet first, as statements. */
export function anyMatch(place: RulePlace): fc.Arbitrary<readonly Statement[]> {
  const plain: fc.WeightedArbitrary<readonly Statement[]>[] = [
    { weight: 4, arbitrary: deviceMatch(place) },
    { weight: 6, arbitrary: conntrackMatch },
    { weight: 4, arbitrary: metaMatch },
    { weight: 2, arbitrary: kindMatch(place) },
    { weight: 6, arbitrary: portMatch },
    { weight: 2, arbitrary: flagMatch },
    { weight: 1, arbitrary: chance },
    ...namedMatch(place),
  ];
  const families = place.families.flatMap((family): fc.WeightedArbitrary<readonly Statement[]>[] => [
    { weight: 8, arbitrary: addressMatch(family) },
    { weight: 2, arbitrary: conntrackAddressMatch(family) },
    { weight: 2, arbitrary: fibMatch(place) },
    { weight: 1, arbitrary: ttlMatch(family) },
    { weight: 1, arbitrary: headerMatch(family) },
    { weight: 1, arbitrary: icmpMatch(family) },
  ]);
  return fc.oneof(...plain, ...families);
}
