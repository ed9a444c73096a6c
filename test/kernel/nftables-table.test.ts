import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { arbitraryTable } from '../../src/netfilter/arbitrary.ts';
import { canonicalTable } from '../../src/netfilter/canonical-table.ts';
import { diffTables } from '../../src/netfilter/diff-tables.ts';
import { newNamespace } from '../namespace.ts';
import { NFT_VERSIONS, nftMissing, runNft } from './nft-program.ts';

const OURS = { family: 'ip', name: 'flatnet' } as const;

describe('tables over netlink', () => {
  it('come back from the kernel as they went in', (t) => {
    const namespace = newNamespace(t);
    using session = RulesetSession.open(namespace);
    fc.assert(
      fc.property(arbitraryTable, (table) => {
        session.apply([{ kind: 'add-table', table }]);
        try {
          const read = session.read(OURS);
          assert.ok(read !== undefined);
          assert.deepEqual(canonicalTable(read), table);
        } finally {
          session.apply([{ kind: 'remove-table', table: OURS }]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('become any other table by the changes between them', (t) => {
    const namespace = newNamespace(t);
    using session = RulesetSession.open(namespace);
    fc.assert(
      fc.property(arbitraryTable, arbitraryTable, (from, to) => {
        session.apply([{ kind: 'add-table', table: from }]);
        try {
          const present = session.read(OURS);
          assert.ok(present !== undefined);
          session.apply(diffTables([present], [to]));
          const read = session.read(OURS);
          assert.ok(read !== undefined);
          assert.deepEqual(canonicalTable(read), to);
        } finally {
          session.apply([{ kind: 'remove-table', table: OURS }]);
        }
      }),
      { numRuns: 100 },
    );
  });

  for (const version of NFT_VERSIONS)
    it(`are printed by nft ${version}`, { skip: nftMissing(version) }, (t) => {
      const namespace = newNamespace(t);
      using session = RulesetSession.open(namespace);
      fc.assert(
        fc.property(arbitraryTable, (table) => {
          session.apply([{ kind: 'add-table', table }]);
          try {
            assert.match(runNft(version, namespace, ['list', 'ruleset']).stdout, /^table ip flatnet \{/);
          } finally {
            session.apply([{ kind: 'remove-table', table: OURS }]);
          }
        }),
        { numRuns: 20 },
      );
    });
});
