import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../../src/error/flatnet-error.ts';
import { kernelFeatures } from '../../src/kernel/nftables/kernel-feature.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { canonicalTable } from '../../src/netfilter/canonical-table.ts';
import { diffTables } from '../../src/netfilter/diff-tables.ts';
import type { NamedMap, Table } from '../../src/netfilter/node.ts';
import { configure, newNamespace, runIn } from '../namespace.ts';
import { antiSpoof, MASQUERADE, number, SERVICES } from './example-table.ts';
import { NFT_MISSING } from './nft-program.ts';

const OWNED: Table = { ...MASQUERADE, flags: ['owner', 'persist'] };
const OLD_KERNEL = { persistentOwner: false, changingDevices: false, changingSizes: false };
const NAME = { family: 'ip', name: 'flatnet' } as const;

describe('RulesetSession', () => {
  it('protects its tables from everybody else', { skip: NFT_MISSING }, (t) => {
    const namespace = newNamespace(t);
    using session = RulesetSession.open(namespace);
    session.apply([{ kind: 'add-table', table: OWNED }]);
    runIn(namespace, 'nft', 'flush', 'ruleset');
    assert.equal(session.read(NAME)?.chains.length, 1);
    using other = RulesetSession.open(namespace);
    assert.throws(
      () => other.apply([{ kind: 'remove-table', table: NAME }]),
      (error) => isFlatnetError(error, 'permission'),
    );
  });

  it('leaves its tables behind, and takes over those of a session that has ended', (t) => {
    const namespace = newNamespace(t);
    const first = RulesetSession.open(namespace);
    first.apply([{ kind: 'add-table', table: OWNED }]);
    using second = RulesetSession.open(namespace);
    const owner = () => second.list().find(({ name }) => name === 'flatnet')?.owner;
    assert.equal(owner(), first.port);
    const claim = { kind: 'add-table', table: { ...OWNED, sets: [], chains: [] } } as const;
    assert.throws(
      () => second.apply([claim]),
      (error) => isFlatnetError(error, 'permission'),
    );
    first.close();
    assert.equal(owner(), undefined);
    second.apply([claim]);
    assert.equal(owner(), second.port);
    const read = second.read(NAME);
    assert.ok(read !== undefined);
    assert.deepEqual(canonicalTable(read), canonicalTable(OWNED));
  });

  it('lists the tables of others with their hooks and policies', { skip: NFT_MISSING }, (t) => {
    const namespace = newNamespace(t);
    using session = RulesetSession.open(namespace);
    runIn(
      namespace,
      'nft',
      'add table ip docker; add chain ip docker forward { type filter hook forward priority 5; policy drop; }; add chain ip docker user',
    );
    assert.deepEqual(session.list(), [
      {
        family: 'ip',
        name: 'docker',
        flags: [],
        chains: [
          { name: 'forward', base: { type: 'filter', hook: 'forward', priority: 5, policy: 'drop' } },
          { name: 'user' },
        ],
      },
    ]);
  });

  it('does all of a transaction or nothing, and says which change was refused', (t) => {
    const namespace = newNamespace(t);
    using session = RulesetSession.open(namespace);
    session.apply([{ kind: 'add-table', table: MASQUERADE }]);
    const [exempt] = MASQUERADE.sets;
    assert.ok(exempt !== undefined);
    assert.throws(
      () =>
        session.apply([
          { kind: 'add-chain', table: NAME, chain: { name: 'new', rules: [] } },
          {
            kind: 'remove-elements',
            table: NAME,
            set: exempt,
            elements: [{ key: [{ kind: 'address', address: { family: 4, value: 1n } }] }],
          },
        ]),
      (error) => isFlatnetError(error, 'not-found') && error.message.includes('remove-elements @exempt of ip flatnet'),
    );
    assert.equal(session.read(NAME)?.chains.length, 1);
  });

  it('notices changes of others, and not its own', { skip: NFT_MISSING }, (t) => {
    const namespace = newNamespace(t);
    using session = RulesetSession.open(namespace);
    assert.equal(session.changedByOthers(), false);
    session.apply([{ kind: 'add-table', table: MASQUERADE }]);
    session.apply([{ kind: 'remove-table', table: NAME }]);
    assert.equal(session.changedByOthers(), false);
    runIn(namespace, 'nft', 'add', 'table', 'ip', 'x');
    assert.equal(session.changedByOthers(), true);
    assert.equal(session.changedByOthers(), false);
  });

  it('puts a rule first in a chain of somebody else, and takes it away again', { skip: NFT_MISSING }, (t) => {
    const namespace = newNamespace(t);
    using session = RulesetSession.open(namespace);
    runIn(
      namespace,
      'nft',
      'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }; add rule ip filter FORWARD counter drop',
    );
    const chain = { table: { family: 'ip', name: 'filter' }, chain: 'FORWARD' } as const;
    const rule = {
      statements: [{ kind: 'verdict', verdict: { kind: 'accept' } }],
      comment: 'flatnet: forward pods',
    } as const;
    session.apply([{ kind: 'insert-rule', ...chain, rule }]);
    assert.match(
      runIn(namespace, 'nft', 'list', 'ruleset'),
      /policy drop;\n\s+accept comment "flatnet: forward pods"\n\s+counter/,
    );
    session.apply([{ kind: 'remove-rule', ...chain, comment: 'flatnet: forward pods' }]);
    session.apply([{ kind: 'remove-rule', ...chain, comment: 'flatnet: forward pods' }]);
    assert.doesNotMatch(runIn(namespace, 'nft', 'list', 'ruleset'), /flatnet/);
  });

  it('makes a chain anew where the kernel cannot change its devices', (t) => {
    const namespace = newNamespace(t);
    configure(namespace, ['link add veth1 type veth peer name peer1', 'link add veth2 type veth peer name peer2']);
    using session = RulesetSession.open(namespace, { features: OLD_KERNEL });
    const [from, to] = [antiSpoof('veth1'), antiSpoof('veth2')];
    session.apply([{ kind: 'add-table', table: { ...from, flags: ['owner', 'persist'] } }]);
    assert.equal(session.protects, false);
    const read = session.read(from);
    assert.deepEqual(read?.flags, []);
    session.apply(diffTables(read === undefined ? [] : [read], [to]));
    const result = session.read(to);
    assert.ok(result !== undefined);
    assert.deepEqual(canonicalTable(result), canonicalTable(to));
  });

  it('takes devices that are gone out of a chain, whether or not the kernel has done so', (t) => {
    const namespace = newNamespace(t);
    configure(namespace, ['link add veth1 type veth peer name peer1', 'link add veth2 type veth peer name peer2']);
    using session = RulesetSession.open(namespace);
    const [from, to] = [antiSpoof('veth1', 'veth2'), antiSpoof('veth2')];
    session.apply([{ kind: 'add-table', table: from }]);
    configure(namespace, ['link del veth1']);
    const read = session.read(from);
    session.apply(diffTables(read === undefined ? [] : [read], [to]));
    const result = session.read(to);
    assert.ok(result !== undefined);
    assert.deepEqual(canonicalTable(result), canonicalTable(to));
  });
});

/** Services enough for some megabytes of elements. */
function manyServices(count: number, endpoint: number): Table {
  const front = (index: number) => [
    { kind: 'address', address: { family: 4, value: 0x0a60_0000n + BigInt(index) } } as const,
    number(6),
    number(80),
  ];
  const [services, endpoints] = SERVICES.maps;
  assert.ok(services !== undefined && endpoints !== undefined);
  const maps: NamedMap[] = [
    {
      ...services,
      elements: Array.from({ length: count }, (_, index) => ({
        key: front(index),
        value: { kind: 'goto' as const, chain: 'c2' },
      })),
    },
    {
      ...endpoints,
      elements: Array.from({ length: 2 * count }, (_, index) => ({
        key: [...front(index >> 1), number(index & 1)],
        value: [
          { kind: 'address', address: { family: 4, value: 0x0af4_0000n + BigInt(endpoint + index) } } as const,
          number(8080),
        ],
      })),
    },
  ];
  return { ...SERVICES, maps };
}

describe('loads larger than the socket buffer', () => {
  it('go in by stages, and so do their changes', (t) => {
    const namespace = newNamespace(t);
    // As in a user namespace, where the buffer can't be forced.
    using session = RulesetSession.open(namespace, { longestTransaction: 400_000 });
    const [first, second] = [manyServices(15_000, 0), manyServices(15_000, 7)];
    session.apply([{ kind: 'add-table', table: first }]);
    const read = session.read(NAME);
    assert.ok(read !== undefined);
    assert.deepEqual(diffTables([read], [first]), []);
    session.apply(diffTables([read], [second]));
    const result = session.read(NAME);
    assert.ok(result !== undefined);
    assert.deepEqual(diffTables([result], [second]), []);
  });

  it('are not limited by what a map was made for', (t) => {
    const namespace = newNamespace(t);
    const many = manyServices(5_000, 0);
    const maps = many.maps.map((map) => ({ ...map, elements: map.elements.slice(0, 10), expected: 10 }));
    for (const features of [kernelFeatures(), OLD_KERNEL]) {
      using session = RulesetSession.open(namespace, { features });
      session.apply([{ kind: 'add-table', table: { ...many, maps } }]);
      const few = session.read(NAME);
      assert.ok(few !== undefined);
      assert.deepEqual(diffTables([few], [{ ...many, maps }]), []);
      session.apply(diffTables([few], [many]));
      const read = session.read(NAME);
      assert.ok(read !== undefined);
      assert.deepEqual(diffTables([read], [many]), []);
      session.apply([{ kind: 'remove-table', table: NAME }]);
    }
  });

  it('go in at once where the buffer allows, off the thread', async (t) => {
    const namespace = newNamespace(t);
    using session = RulesetSession.open(namespace);
    const table = manyServices(10_000, 0);
    await session.applyAsync([{ kind: 'add-table', table }]);
    const read = session.read(NAME);
    assert.ok(read !== undefined);
    assert.deepEqual(diffTables([read], [table]), []);
  });
});
