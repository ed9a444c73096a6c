/** Generators for property tests: tables of the shapes that the kernel takes and that can be read back. */
import fc from 'fast-check';
import type { Family } from '../address/family.ts';
import { prefixOf } from '../address/prefix.ts';
import { canonicalElements } from './canonical-rule.ts';
import { canonicalTable } from './canonical-table.ts';
import { elementKey } from './element-key.ts';
import type {
  Chain,
  DataType,
  Expression,
  Literal,
  MapElement,
  NamedMap,
  NamedSet,
  PayloadField,
  Rule,
  SetElement,
  Statement,
  Table,
  Verdict,
} from './node.ts';
import { PAYLOAD_FIELDS } from './payload-field.ts';

const WORD = fc.constantFrom('a', 'b', 'c', 'd');

function addressLiteral(family: Family): fc.Arbitrary<Literal> {
  const value =
    family === 4
      ? fc.integer({ min: 0x0a00_0000, max: 0x0a00_00ff }).map(BigInt)
      : fc.integer({ min: 0, max: 0xff }).map((low) => (0xfdn << 120n) | BigInt(low));
  return value.map((number) => ({ kind: 'address', address: { family, value: number } }));
}

/** Distinct prefixes none of which overlaps another need care; these are of one length. */
function prefixLiteral(family: Family): fc.Arbitrary<Literal> {
  return addressLiteral(family).map((literal) =>
    literal.kind === 'address'
      ? { kind: 'prefix', prefix: prefixOf(literal.address, family === 4 ? 29 : 125) }
      : literal,
  );
}

const number = (max: number): fc.Arbitrary<Literal> =>
  fc.integer({ min: 0, max }).map((value) => ({ kind: 'number', value }));

const NUMBER_LIMITS: Readonly<Partial<Record<DataType, number>>> = {
  inet_proto: 255,
  inet_service: 0xffff,
  mark: 0xffff_ffff,
  iface_index: 100,
  ether_type: 0xffff,
  ct_state: 127,
  icmp_type: 255,
};

const SET_TYPES = ['ipv4_addr', 'ipv6_addr', 'ether_addr', 'inet_proto', 'inet_service', 'mark', 'ifname'] as const;
type SetType = (typeof SET_TYPES)[number];

function literalOf(type: DataType): fc.Arbitrary<Literal> {
  if (type === 'ipv4_addr') return addressLiteral(4);
  if (type === 'ipv6_addr') return addressLiteral(6);
  if (type === 'ether_addr')
    return fc.constantFrom('0a:58:0a:f4:00:07', '00:00:00:00:00:01').map((mac) => ({ kind: 'mac', mac }));
  if (type === 'ifname') return fc.constantFrom('eth0', 'veth-abc', 'lo').map((name) => ({ kind: 'name', name }));
  return number(NUMBER_LIMITS[type] ?? 255);
}

/** Values of an interval set: single ones and prefixes of one size, which overlap only where they are equal. */
function intervalOf(type: DataType): fc.Arbitrary<Literal> {
  if (type === 'ipv4_addr') return prefixLiteral(4);
  if (type === 'ipv6_addr') return prefixLiteral(6);
  if (type === 'inet_service')
    return fc.integer({ min: 0, max: 6000 }).map((tens) => ({
      kind: 'range',
      from: { kind: 'number', value: tens * 10 },
      to: { kind: 'number', value: tens * 10 + 9 },
    }));
  return literalOf(type);
}

const TIMEOUT = fc.integer({ min: 1, max: 1000 }).map((minutes) => minutes * 60_000);

interface Shape {
  readonly key: readonly SetType[];
  readonly interval: boolean;
  readonly timeout: number | undefined;
  readonly size: number | undefined;
  readonly comment: string | undefined;
}

const ARBITRARY_SHAPE: fc.Arbitrary<Shape> = fc
  .record({
    key: fc.array(fc.constantFrom(...SET_TYPES), { minLength: 1, maxLength: 3 }),
    interval: fc.boolean(),
    timeout: fc.option(TIMEOUT, { nil: undefined }),
    size: fc.option(fc.integer({ min: 64, max: 1000 }), { nil: undefined }),
    comment: fc.option(fc.constantFrom('one', 'what it is for'), { nil: undefined }),
  })
  // Intervals of single marks and names are host-endian or strings: nothing that we make has them.
  .map((shape) => ({ ...shape, interval: shape.interval && shape.key.every((type) => type.startsWith('ip')) }))
  .map((shape) => (shape.interval ? { ...shape, timeout: undefined, size: undefined } : shape));

function keyOf(shape: Shape): fc.Arbitrary<Literal[]> {
  return fc.tuple(...shape.key.map(shape.interval ? intervalOf : literalOf)).map((literals) => [...literals]);
}

function declaration(name: string, shape: Shape): Omit<NamedSet, 'elements'> {
  return {
    name,
    key: shape.key,
    flags: [...(shape.interval ? (['interval'] as const) : []), ...(shape.timeout ? (['timeout'] as const) : [])],
    ...(shape.timeout !== undefined && { timeout: shape.timeout }),
    ...(shape.size !== undefined && { size: shape.size }),
    ...(shape.comment !== undefined && { comment: shape.comment }),
  };
}

function elementsOf(shape: Shape): fc.Arbitrary<SetElement[]> {
  const element = fc
    .record({ key: keyOf(shape), comment: fc.option(fc.constantFrom('pod', 'node'), { nil: undefined }) })
    .map(({ key, comment }) => ({ key, ...(comment !== undefined && { comment }) }));
  return fc.uniqueArray(element, { maxLength: 8, selector: elementKey });
}

function arbitrarySet(name: string): fc.Arbitrary<NamedSet> {
  return ARBITRARY_SHAPE.chain((shape) =>
    elementsOf(shape).map((elements) => ({ ...declaration(name, shape), elements })),
  );
}

function arbitraryVerdict(chains: readonly string[]): fc.Arbitrary<Verdict> {
  const plain = fc.constantFrom<Verdict>({ kind: 'accept' }, { kind: 'drop' }, { kind: 'return' });
  const [first] = chains;
  if (first === undefined) return plain;
  const chain = fc.constantFrom(...chains);
  return fc.oneof(
    plain,
    fc
      .tuple(fc.constantFrom('goto' as const, 'jump' as const), chain)
      .map(([kind, to]): Verdict => ({ kind, chain: to })),
  );
}

function arbitraryMap(name: string, chains: readonly string[]): fc.Arbitrary<NamedMap> {
  const value = fc.oneof(
    fc.constant('verdict' as const),
    // nft prints host-endian parts of an interval map's value the wrong way round.
    fc.array(fc.constantFrom(...SET_TYPES.filter((type) => type !== 'mark')), { minLength: 1, maxLength: 2 }),
  );
  return fc.tuple(ARBITRARY_SHAPE, value).chain(([shape, type]) => {
    const content: fc.Arbitrary<readonly Literal[] | Verdict> =
      type === 'verdict' ? arbitraryVerdict(chains) : fc.tuple(...type.map(literalOf)).map((literals) => [...literals]);
    const elements: fc.Arbitrary<MapElement[]> = elementsOf(shape).chain((keys) =>
      fc.array(content, { minLength: keys.length, maxLength: keys.length }).map((values) =>
        keys.flatMap((key, index) => {
          const found = values[index];
          return found === undefined ? [] : [{ ...key, value: found }];
        }),
      ),
    );
    return elements.map((all) => ({ ...declaration(name, shape), value: type, elements: all }));
  });
}

/** nft takes a match on `ip protocol` for the dependency of what follows, and leaves it out. */
const FIELDS = (Object.keys(PAYLOAD_FIELDS) as PayloadField[]).filter((field) => field !== 'ip protocol');

function literalFor(field: PayloadField): fc.Arbitrary<Literal> {
  const { type, bytes } = PAYLOAD_FIELDS[field];
  return type === 'integer' ? number(bytes === 1 ? 255 : 0xffff) : type === 'dscp' ? number(63) : literalOf(type);
}

/** Transport headers that one rule may look at: a packet has but one. */
type Transport = 'th' | 'tcp' | 'icmp';

const fieldMatch = (transport: Transport): fc.Arbitrary<Statement> => {
  const fields = FIELDS.filter((field) => ['ip', transport].includes(PAYLOAD_FIELDS[field].header));
  return fc.constantFrom(...fields).chain((field) =>
    fc
      .record({ operator: fc.constantFrom('==' as const, '!=' as const), literal: literalFor(field) })
      .map(({ operator, literal }) => ({
        kind: 'match',
        operator,
        left: { kind: 'payload', field },
        right: { kind: 'literal', literal },
      })),
  );
};

const literal = (value: Literal): Expression => ({ kind: 'literal', literal: value });

const metaMatch: fc.Arbitrary<Statement> = fc.oneof(
  fc.constantFrom('eth0', 'veth*', 'lo').map((name) => ({
    kind: 'match' as const,
    operator: '==' as const,
    left: { kind: 'meta' as const, key: 'iifname' as const },
    right: literal({ kind: 'name', name }),
  })),
  fc.tuple(fc.constantFrom('==' as const, '!=' as const), number(0xffff_ffff)).map(([operator, value]) => ({
    kind: 'match' as const,
    operator,
    left: { kind: 'meta' as const, key: 'mark' as const },
    right: literal(value),
  })),
  fc.integer({ min: 1, max: 0xffff }).map((bit) => ({
    kind: 'match' as const,
    operator: '!=' as const,
    left: {
      kind: 'binary' as const,
      operator: '&' as const,
      left: { kind: 'meta' as const, key: 'mark' as const },
      right: literal({ kind: 'number', value: bit }),
    },
    right: literal({ kind: 'number', value: 0 }),
  })),
  fc.integer({ min: 1, max: 15 }).map((value) => ({
    kind: 'match' as const,
    operator: 'in' as const,
    left: { kind: 'ct' as const, key: 'state' as const },
    right: literal({ kind: 'number', value }),
  })),
);

const setMatch: fc.Arbitrary<Statement> = fc
  .tuple(
    fc.constantFrom('==' as const, '!=' as const),
    fc.uniqueArray(fc.tuple(addressLiteral(4), literalOf('inet_service')), {
      minLength: 2,
      maxLength: 4,
      selector: (key) => elementKey({ key }),
    }),
  )
  .map(([operator, keys]) => ({
    kind: 'match',
    operator,
    left: {
      kind: 'concatenation',
      parts: [
        { kind: 'payload', field: 'ip saddr' },
        { kind: 'payload', field: 'th dport' },
      ],
    },
    right: { kind: 'set', elements: canonicalElements(keys.map((key) => ({ key }))) },
  }));

const action: fc.Arbitrary<Statement> = fc.oneof(
  fc.constant<Statement>({ kind: 'counter' }),
  fc.integer({ min: 1, max: 0xffff }).map(
    (bit): Statement => ({
      kind: 'set-meta',
      key: 'mark',
      value: {
        kind: 'binary',
        operator: '|',
        left: { kind: 'meta', key: 'mark' },
        right: literal({ kind: 'number', value: bit }),
      },
    }),
  ),
  number(0xffff_ffff).map((value): Statement => ({ kind: 'set-meta', key: 'mark', value: literal(value) })),
  fc.constant<Statement>({ kind: 'set-ct', key: 'mark', value: { kind: 'meta', key: 'mark' } }),
  fc.record({
    kind: fc.constant('limit' as const),
    rate: fc.integer({ min: 1, max: 1000 }),
    per: fc.constantFrom('second' as const, 'minute' as const, 'hour' as const),
    burst: fc.integer({ min: 1, max: 50 }),
    over: fc.boolean(),
    unit: fc.constant('packets' as const),
  }),
  fc.constantFrom('denied: ', 'seen').map((prefix): Statement => ({ kind: 'log', prefix })),
);

/** Rules for a chain of a table of family ip. */
function arbitraryRule(chains: readonly string[]): fc.Arbitrary<Rule> {
  return fc.constantFrom<Transport>('th', 'tcp', 'icmp').chain((transport) => ruleOf(chains, transport));
}

function ruleOf(chains: readonly string[], transport: Transport): fc.Arbitrary<Rule> {
  const final = fc.oneof(
    arbitraryVerdict(chains).map((verdict): Statement => ({ kind: 'verdict', verdict })),
    fc.constant<Statement>({ kind: 'reject', with: transport === 'tcp' ? 'tcp reset' : 'port-unreachable' }),
  );
  const match = fc.oneof(metaMatch, ...(transport === 'th' ? [setMatch] : []));
  return fc
    .record({
      // nft 1.0.6 joins matches on neighbouring fields, those that exclude something wrongly: there is but one.
      field: fc.option(fieldMatch(transport), { nil: undefined }),
      matches: fc.array(match, { maxLength: 2 }),
      actions: fc.array(action, { maxLength: 2 }),
      final: fc.option(final, { nil: undefined }),
      comment: fc.option(fc.constantFrom('why', 'because of x'), { nil: undefined }),
    })
    .map(({ field, matches, actions, final: last, comment }) => ({
      // A rule that says nothing has no text.
      statements: [
        ...(field === undefined ? [] : [field]),
        ...matches,
        ...actions,
        last ?? ({ kind: 'counter' } as const),
      ],
      ...(comment !== undefined && { comment }),
    }));
}

const REGULAR = ['r1', 'r2', 'r3'] as const;

/** A table `ip flatnet` in canonical form. Its chains jump only to later ones, so that there is no loop. */
export const arbitraryTable: fc.Arbitrary<Table> = fc
  .record({ sets: fc.uniqueArray(WORD, { maxLength: 2 }), maps: fc.uniqueArray(WORD, { maxLength: 2 }) })
  .chain(({ sets, maps }) => {
    const regular: fc.Arbitrary<Chain>[] = REGULAR.map((name, index) =>
      fc.array(arbitraryRule(REGULAR.slice(index + 1)), { maxLength: 3 }).map((rules) => ({ name, rules })),
    );
    const base: fc.Arbitrary<Chain> = fc
      .record({
        priority: fc.integer({ min: -10, max: 10 }),
        policy: fc.constantFrom('accept' as const, 'drop' as const),
        rules: fc.array(arbitraryRule(REGULAR), { maxLength: 3 }),
      })
      .map(({ priority, policy, rules }) => ({
        name: 'forward',
        base: { type: 'filter', hook: 'forward', priority, policy },
        rules,
      }));
    return fc.record({
      family: fc.constant('ip' as const),
      name: fc.constant('flatnet'),
      flags: fc.constant([]),
      sets: fc.tuple(...sets.map((name) => arbitrarySet(`s-${name}`))),
      maps: fc.tuple(...maps.map((name) => arbitraryMap(`m-${name}`, REGULAR))),
      chains: fc.tuple(base, ...regular),
    });
  })
  .map(canonicalTable);
