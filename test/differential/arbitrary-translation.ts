import fc from 'fast-check';
import type { Family } from '../../src/address/family.ts';
import type { Expression, Literal, NatFlag, Statement, TableFamily } from '../../src/netfilter/node.ts';
import { anyAddress, anyPort, literal, type RulePlace } from './arbitrary-match.ts';

const natFlags: fc.Arbitrary<readonly NatFlag[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 2, arbitrary: fc.constantFrom<readonly NatFlag[]>(['persistent'], ['random'], ['fully-random']) },
);

/** True for what draws an echo's identifier besides translating its destination: nobody asks for that, and the model keeps it. */
function drawsEcho(type: 'dnat' | 'snat', flags: readonly NatFlag[]): boolean {
  return type === 'dnat' && flags.some((flag) => flag !== 'persistent');
}

/** An address, or a few one after the other. */
const anyTarget = (family: Family): fc.Arbitrary<Literal> =>
  fc.oneof(
    { weight: 4, arbitrary: anyAddress(family).map((address): Literal => ({ kind: 'address', address })) },
    {
      weight: 1,
      arbitrary: fc.tuple(anyAddress(family), fc.constantFrom(1n, 2n)).map(
        ([address, more]): Literal => ({
          kind: 'range',
          from: { kind: 'address', address },
          to: { kind: 'address', address: { ...address, value: address.value + more } },
        }),
      ),
    },
  );

const anyPortTarget: fc.Arbitrary<Literal> = fc.oneof(
  { weight: 3, arbitrary: anyPort.map((value): Literal => ({ kind: 'number', value })) },
  {
    weight: 1,
    arbitrary: fc.constant<Literal>({
      kind: 'range',
      from: { kind: 'number', value: 1000 },
      to: { kind: 'number', value: 1002 },
    }),
  },
);

/** With a port only where the protocol has some. */
function withPort(statement: Statement): readonly Statement[] {
  const ports: Statement = {
    kind: 'match',
    operator: '==',
    left: { kind: 'meta', key: 'l4proto' },
    right: {
      kind: 'set',
      elements: [{ key: [{ kind: 'number', value: 6 }] }, { key: [{ kind: 'number', value: 17 }] }],
    },
  };
  return [ports, statement];
}

/** One of two, by chance, in turn, or by a hash. */
export const anyDraw: fc.Arbitrary<Expression> = fc.constantFrom<Expression>(
  { kind: 'numgen', mode: 'random', modulus: 2, offset: 0 },
  { kind: 'numgen', mode: 'inc', modulus: 2, offset: 0 },
  { kind: 'jhash', of: { kind: 'payload', field: 'th sport' }, modulus: 2, seed: 3, offset: 0 },
);

/** A translation that may stand at a hook. */
export function anyTranslation(
  { hook, families, named = [] }: RulePlace,
  tableFamily: TableFamily,
): fc.Arbitrary<readonly Statement[]> {
  const type = hook === 'prerouting' || hook === 'output' ? 'dnat' : 'snat';
  const said = (family: Family) =>
    tableFamily === 'inet' ? { family: family === 4 ? ('ip' as const) : ('ip6' as const) } : {};
  const port = fc.option(anyPortTarget, { nil: undefined });
  const both = families.map((family) =>
    fc.tuple(anyTarget(family), port, natFlags).map(([address, to, flags]): readonly Statement[] => {
      const statement: Statement = {
        kind: 'nat',
        type,
        ...said(family),
        address: literal(address),
        ...(to !== undefined && { port: literal(to) }),
        flags,
      };
      return to === undefined && !drawsEcho(type, flags) ? [statement] : withPort(statement);
    }),
  );
  const mapped = families.map((family) =>
    fc.tuple(anyAddress(family), anyAddress(family), anyPort).map(([first, second, to]): readonly Statement[] =>
      withPort({
        kind: 'nat',
        type,
        ...said(family),
        address: {
          kind: 'anonymous-map',
          key: { kind: 'payload', field: 'th dport' },
          elements: [
            {
              key: [{ kind: 'number', value: 80 }],
              value: [
                { kind: 'address', address: first },
                { kind: 'number', value: to },
              ],
            },
            {
              key: [{ kind: 'number', value: 81 }],
              value: [
                { kind: 'address', address: second },
                { kind: 'number', value: 443 },
              ],
            },
          ],
        },
        flags: [],
      }),
    ),
  );
  const drawn = families.map((family) =>
    fc.tuple(anyDraw, anyAddress(family), anyAddress(family)).map(([key, ...targets]): readonly Statement[] => [
      {
        kind: 'nat',
        type,
        ...said(family),
        address: {
          kind: 'anonymous-map',
          key,
          elements: targets.map((address, index) => ({
            key: [{ kind: 'number', value: index }],
            value: [{ kind: 'address', address }],
          })),
        },
        flags: [],
      },
    ]),
  );
  const local = fc.tuple(port, natFlags).map(([to, flags]): readonly Statement[] => {
    const statement: Statement = {
      kind: type === 'dnat' ? 'redirect' : 'masquerade',
      ...(to !== undefined && { port: literal(to) }),
      flags,
    };
    return to === undefined && !drawsEcho(type, flags) ? [statement] : withPort(statement);
  });
  const isMapped = hook !== 'input';
  const maps = isMapped ? named.filter((part) => part.use === 'translation') : [];
  return fc.oneof(
    ...(maps.length === 0
      ? []
      : [
          {
            weight: 4,
            arbitrary: fc
              .constantFrom(...maps)
              .map(({ map, statements }) => statements(type, said(map.name.endsWith('4') ? 4 : 6).family)),
          },
        ]),
    { weight: 4, arbitrary: fc.oneof(...both) },
    ...(isMapped ? [{ weight: 1, arbitrary: fc.oneof(...mapped) }] : []),
    { weight: 1, arbitrary: fc.oneof(...drawn) },
    ...(hook === 'input' ? [] : [{ weight: 3, arbitrary: local }]),
  );
}
