import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { canonicalTable } from '../../src/netfilter/canonical-table.ts';
import { diffTables } from '../../src/netfilter/diff-tables.ts';
import type { Table } from '../../src/netfilter/node.ts';
import { configure, newNamespace, runIn } from '../namespace.ts';
import { AFFINITY, ASSORTED, antiSpoof, BRIDGE, MASQUERADE, SERVICES } from './example-table.ts';
import { NFT_MISSING } from './nft-program.ts';

const SHAPES: readonly (readonly [string, Table, readonly RegExp[]])[] = [
  [
    'masquerade',
    MASQUERADE,
    [
      /ip saddr @pods ip daddr != @exempt masquerade fully-random comment "what leaves the cluster"/,
      /elements = \{ 10\.0\.0\.1, 10\.244\.0\.0\/16,\s+192\.168\.0\.0\/24 \}/,
    ],
  ],
  [
    'services',
    SERVICES,
    [
      /10\.96\.0\.1 \. tcp \. 443 : goto c2/,
      /ip daddr \. meta l4proto \. th dport vmap @services/,
      /ip daddr \. meta l4proto \. th dport \. numgen random mod 2 map @endpoints/,
      /ct status dnat ip saddr \. ip daddr @hairpin masquerade/,
      /meta mark set meta mark \| 0x00004000/,
      /ip saddr != 10\.244\.0\.0\/16 jump mark-masquerade/,
    ],
  ],
  [
    'anti-spoofing',
    antiSpoof('veth1', 'veth2'),
    [
      /devices = \{ veth1, veth2 \}/,
      /iifname \. ether saddr \. ip saddr @source4 accept/,
      /"veth1" \. 0a:58:0a:f4:01:02 \. 10\.244\.1\.2/,
    ],
  ],
  [
    'assorted',
    ASSORTED,
    [
      /ct state established,related counter packets 0 bytes 0 accept/,
      /fib saddr \. iif oif missing drop/,
      /fib daddr type local accept/,
      /10\.0\.0\.0\/8 \. 80-90/,
      /tcp dport @ports accept/,
      /limit rate over 10\/second/,
      /update @recent \{ ip saddr timeout 5m \}/,
      /ct original ip daddr 10\.96\.0\.1 accept/,
      /jhash ip saddr mod 10 offset 2 vmap \{ 2 : accept, 3-5 : drop \}/,
      /ip dscp ef ip ttl set 5/,
      /reject with tcp reset/,
      /iifname "veth\*" reject with icmpx admin-prohibited/,
    ],
  ],
  [
    'affinity',
    AFFINITY,
    [
      /update @affinity \{ ip saddr \. ct original ip daddr \. meta l4proto \. ct original proto-dst timeout 1m : ip daddr \. th dport \}/,
    ],
  ],
  ['bridge', BRIDGE, [/iifname \. ip saddr != @ports drop/, /ether saddr 0a:58:0a:f4:01:02 accept/]],
];

describe('the shapes of tables that a node needs', () => {
  for (const [title, table, patterns] of SHAPES)
    it(`${title}: come back as they went in, and nft prints them`, { skip: NFT_MISSING }, (t) => {
      const namespace = newNamespace(t);
      configure(namespace, ['link add veth1 type veth peer name peer1', 'link add veth2 type veth peer name peer2']);
      using session = RulesetSession.open(namespace);
      session.apply([{ kind: 'add-table', table }]);
      const read = session.read(table);
      assert.ok(read !== undefined);
      assert.deepEqual(canonicalTable(read), canonicalTable(table));
      assert.deepEqual(diffTables([read], [table]), []);
      const text = runIn(namespace, 'nft', 'list', 'ruleset');
      for (const pattern of patterns) assert.match(text, pattern);
    });

  it('lets a chain follow the devices that come and go, without making it anew', (t) => {
    const namespace = newNamespace(t);
    configure(namespace, [
      'link add veth1 type veth peer name peer1',
      'link add veth2 type veth peer name peer2',
      'link add veth3 type veth peer name peer3',
    ]);
    using session = RulesetSession.open(namespace);
    const steps = [antiSpoof('veth1'), antiSpoof('veth1', 'veth2', 'veth3'), antiSpoof('veth3'), antiSpoof('veth2')];
    let current: Table[] = [];
    for (const table of steps) {
      session.apply(diffTables(current, [table]));
      const read = session.read(table);
      assert.ok(read !== undefined);
      assert.deepEqual(canonicalTable(read), canonicalTable(table));
      current = [read];
    }
  });
});
