import fc from 'fast-check';
import type { Family } from '../../src/address/family.ts';
import { prefixOf } from '../../src/address/prefix.ts';
import type {
  DataType,
  Expression,
  Literal,
  MapElement,
  NamedMap,
  NamedSet,
  PayloadField,
  SetElement,
  Statement,
  Verdict,
} from '../../src/netfilter/node.ts';
import { addressIn, devicesOf, type SiteName, VIRTUAL } from './site-plan.ts';

/** A named set or map of a table, and what a rule may do with it. */
export type NamedPart =
  | { readonly set: NamedSet; readonly use: 'match'; readonly statements: (negated: boolean) => readonly Statement[] }
  | { readonly map: NamedMap; readonly use: 'verdict'; readonly statements: () => readonly Statement[] }
  | {
      readonly map: NamedMap;
      readonly use: 'translation';
      readonly statements: (type: 'dnat' | 'snat', family: 'ip' | 'ip6' | undefined) => readonly Statement[];
    };

const HOUR = 3_600_000;
const NETS = [1, 2, 3, 4, 5, 6, 7, 9];
const TRANSPORTS: readonly Literal[] = [6, 17].map((value) => ({ kind: 'number', value }));

const number = (value: number): Literal => ({ kind: 'number', value });
const range = (from: number, to: number): Literal => ({ kind: 'range', from: number(from), to: number(to) });
const payload = (field: PayloadField): Expression => ({ kind: 'payload', field });
const concatenation = (...parts: readonly Expression[]): Expression => ({ kind: 'concatenation', parts });
const addressField = (family: Family, end: 'saddr' | 'daddr') => payload(`${family === 4 ? 'ip' : 'ip6'} ${end}`);
const addressType = (family: Family): DataType => (family === 4 ? 'ipv4_addr' : 'ipv6_addr');
const oneOfTransports: Statement = {
  kind: 'match',
  operator: '==',
  left: { kind: 'meta', key: 'l4proto' },
  right: { kind: 'set', elements: TRANSPORTS.map((key) => ({ key: [key] })) },
};

/** Addresses, prefixes and ranges that have nothing in common, single addresses only unless `intervals`. */
function someAddresses(family: Family, intervals: boolean): fc.Arbitrary<readonly Literal[]> {
  const [first, second] = VIRTUAL[family];
  const inNet = (net: number): readonly Literal[] => {
    const near = addressIn(net, 1, family);
    const single: Literal = { kind: 'address', address: near };
    if (!intervals) return [single, { kind: 'address', address: addressIn(net, 2, family) }];
    const to: Literal = { kind: 'address', address: addressIn(net, 2, family) };
    return [
      single,
      { kind: 'prefix', prefix: prefixOf(near, family === 4 ? 24 : 64) },
      { kind: 'prefix', prefix: prefixOf(near, family === 4 ? 31 : 127) },
      { kind: 'range', from: single, to },
    ];
  };
  const virtual: readonly Literal[] = [first, second].map((address) => ({ kind: 'address', address }));
  const nets = fc
    .subarray(NETS, { minLength: 1, maxLength: 5 })
    .chain((chosen) => fc.tuple(...chosen.map((net) => fc.constantFrom(...inNet(net)))));
  return fc.tuple(nets, fc.subarray([...virtual])).map(([near, far]) => [...near, ...far]);
}

const PORT_RANGES = [range(80, 81), number(443), range(1000, 1001), range(1002, 2000), range(30000, 65535)];
const SINGLE_PORTS = [80, 81, 443, 1000, 2000, 30000].map(number);

const somePorts = (intervals: boolean): fc.Arbitrary<readonly Literal[]> =>
  fc.subarray(intervals ? PORT_RANGES : SINGLE_PORTS, { minLength: 1, maxLength: 4 });

const anyDecision: fc.Arbitrary<Verdict> = fc.constantFrom<Verdict>(
  { kind: 'accept' },
  { kind: 'accept' },
  { kind: 'drop' },
  { kind: 'return' },
  { kind: 'continue' },
);

const anyEnd = fc.constantFrom('saddr' as const, 'daddr' as const);
const anyPortEnd = fc.constantFrom<PayloadField>('th sport', 'th dport');

function setPart(
  name: string,
  key: readonly DataType[],
  intervals: boolean,
  keys: readonly (readonly Literal[])[],
  left: Expression,
  expires = false,
): NamedPart {
  const elements = keys.map((each): SetElement => ({ key: each, ...(expires && { timeout: HOUR }) }));
  const flags = [...(intervals ? (['interval'] as const) : []), ...(expires ? (['timeout'] as const) : [])];
  const set: NamedSet = { name, key, flags, elements };
  const right: Expression = { kind: 'set-reference', name };
  return {
    set,
    use: 'match',
    statements: (negated) => [
      ...(hasPort(left) ? [oneOfTransports] : []),
      { kind: 'match', operator: negated ? '!=' : '==', left, right },
    ],
  };
}

function hasPort(expression: Expression): boolean {
  if (expression.kind === 'concatenation') return expression.parts.some(hasPort);
  return expression.kind === 'payload' && expression.field.startsWith('th ');
}

function verdictPart(
  name: string,
  key: readonly DataType[],
  intervals: boolean,
  elements: readonly MapElement[],
  left: Expression,
): NamedPart {
  const map: NamedMap = { name, key, flags: intervals ? ['interval'] : [], value: 'verdict', elements };
  const statements: readonly Statement[] = [
    ...(hasPort(left) ? [oneOfTransports] : []),
    { kind: 'vmap', key: left, map: { name } },
  ];
  return { map, use: 'verdict', statements: () => statements };
}

/** Sets of addresses, of ports, and of both together. */
function familySets(family: Family): readonly fc.Arbitrary<NamedPart>[] {
  const type = addressType(family);
  return [
    fc.tuple(fc.boolean(), fc.boolean()).chain(([intervals, expires]) =>
      fc.tuple(someAddresses(family, intervals), anyEnd).map(([all, end]) =>
        setPart(
          `a${family}`,
          [type],
          intervals,
          all.map((each) => [each]),
          addressField(family, end),
          expires,
        ),
      ),
    ),
    fc.boolean().chain((intervals) =>
      fc
        .tuple(someAddresses(family, intervals), somePorts(intervals), anyEnd, anyPortEnd)
        .map(([addresses, ports, end, port]) =>
          setPart(
            `ap${family}`,
            [type, 'inet_service'],
            intervals,
            addresses.flatMap((address) => ports.map((each) => [address, each])),
            concatenation(addressField(family, end), payload(port)),
          ),
        ),
    ),
    fc
      .tuple(someAddresses(family, true), someAddresses(family, true))
      .map(([from, to]) =>
        setPart(
          `aa${family}`,
          [type, type],
          true,
          from.flatMap((source) => to.map((destination) => [source, destination])).slice(0, 8),
          concatenation(addressField(family, 'saddr'), addressField(family, 'daddr')),
        ),
      ),
    fc
      .tuple(someAddresses(family, true), fc.subarray([0, 1, 2, 0x10], { minLength: 1 }), anyEnd)
      .map(([addresses, marks, end]) =>
        setPart(
          `am${family}`,
          [type, 'mark'],
          true,
          addresses.flatMap((address) => marks.map((mark) => [address, number(mark)])),
          concatenation(addressField(family, end), { kind: 'meta', key: 'mark' }),
        ),
      ),
  ];
}

function familyMaps(family: Family): readonly fc.Arbitrary<NamedPart>[] {
  const type = addressType(family);
  const anyTarget = someAddresses(family, false).map(([first]) => first ?? number(0));
  return [
    fc.boolean().chain((intervals) =>
      someAddresses(family, intervals).chain((all) =>
        fc.tuple(anyEnd, ...all.map(() => anyDecision)).map(([end, ...verdicts]) =>
          verdictPart(
            `av${family}`,
            [type],
            intervals,
            verdicts.map((value, index) => ({ key: [all[index] ?? number(0)], value })),
            addressField(family, end),
          ),
        ),
      ),
    ),
    // as kube-proxy finds services
    fc
      .tuple(someAddresses(family, false), somePorts(false), anyDecision, anyDecision)
      .map(([addresses, ports, ...verdicts]) =>
        verdictPart(
          `app${family}`,
          [type, 'inet_proto', 'inet_service'],
          false,
          addresses.flatMap((address) =>
            TRANSPORTS.flatMap((protocol, index) =>
              ports.map(
                (port): MapElement => ({
                  key: [address, protocol, port],
                  value: verdicts[index] ?? { kind: 'accept' },
                }),
              ),
            ),
          ),
          concatenation(addressField(family, 'daddr'), { kind: 'meta', key: 'l4proto' }, payload('th dport')),
        ),
      ),
    fc.boolean().chain((intervals) =>
      somePorts(intervals).chain((ports) =>
        fc.tuple(fc.boolean(), ...ports.map(() => anyTarget)).map(([withPort, ...targets]): NamedPart => {
          const name = `pt${family}`;
          const map: NamedMap = {
            name,
            key: ['inet_service'],
            flags: intervals ? ['interval'] : [],
            value: withPort ? [type, 'inet_service'] : [type],
            elements: targets.map((target, index) => ({
              key: [ports[index] ?? number(0)],
              value: withPort ? [target, number(1000 + index)] : [target],
            })),
          };
          return {
            map,
            use: 'translation',
            statements: (nat, said) => [
              oneOfTransports,
              {
                kind: 'nat',
                type: nat,
                ...(said !== undefined && { family: said }),
                address: { kind: 'map', key: payload('th dport'), name },
                flags: [],
              },
            ],
          };
        }),
      ),
    ),
  ];
}

function plainParts(site: SiteName): readonly fc.Arbitrary<NamedPart>[] {
  return [
    fc.tuple(fc.boolean(), anyPortEnd).chain(([intervals, port]) =>
      somePorts(intervals).map((ports) =>
        setPart(
          'p',
          ['inet_service'],
          intervals,
          ports.map((each) => [each]),
          payload(port),
        ),
      ),
    ),
    fc.subarray([...devicesOf(site), 'lo'], { minLength: 1 }).map((names) =>
      setPart(
        'd',
        ['ifname'],
        false,
        names.map((name) => [{ kind: 'name', name }]),
        { kind: 'meta', key: 'iifname' },
      ),
    ),
    fc.tuple(anyDecision, anyDecision).map(([first, second]) =>
      verdictPart(
        'mv',
        ['mark'],
        true,
        [
          { key: [range(0, 1)], value: first },
          { key: [range(2, 0xff)], value: second },
        ],
        { kind: 'meta', key: 'mark' },
      ),
    ),
    fc.tuple(anyDecision, anyDecision).map(([first, second]) =>
      verdictPart(
        'dv',
        ['ifname', 'inet_proto'],
        false,
        devicesOf(site).flatMap((name): readonly MapElement[] => [
          { key: [{ kind: 'name', name }, number(6)], value: first },
          { key: [{ kind: 'name', name }, number(17)], value: second },
        ]),
        concatenation({ kind: 'meta', key: 'iifname' }, { kind: 'meta', key: 'l4proto' }),
      ),
    ),
  ];
}

/** Named sets and maps of a table; each kind at most once. */
export function anyNamedParts(site: SiteName, families: readonly Family[]): fc.Arbitrary<readonly NamedPart[]> {
  const kinds = [...families.flatMap((family) => [...familySets(family), ...familyMaps(family)]), ...plainParts(site)];
  const name = (part: NamedPart) => (part.use === 'match' ? part.set.name : part.map.name);
  return fc.uniqueArray(fc.oneof(...kinds), { maxLength: 4, selector: name });
}
