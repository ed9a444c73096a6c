import { spawnSync } from 'node:child_process';
import { parseRulesets } from '../../src/host/dump/parse-rulesets.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import type { Table } from '../../src/netfilter/node.ts';
import { formatNftText, type NftText } from './nft-text.ts';

/** Why cases have no tables in nft's words; false where the program is installed. */
export const NFT_MISSING: string | false =
  spawnSync('nft', ['--version']).status === 0 ? false : 'nft is not installed (package nftables)';

/** Loads a table by nft, and reads it as a snapshot of the host would have it. @returns what nft complains of, where it takes it not */
export function loadNftText(namespace: NetworkNamespace, text: NftText): Table | string {
  if (NFT_MISSING !== false) return NFT_MISSING;
  const run = (options: readonly string[], input = '') =>
    namespace.run(() => spawnSync('nft', options, { input, encoding: 'utf8' }));
  const listing = `list table inet ${text.name}`;
  const { status, stdout, stderr } = run(['-f', '-'], `${formatNftText(text)}${listing}\n`);
  if (status !== 0) return `nft: ${stderr.trim().split('\n').slice(0, 2).join(' ')}`;
  const { ruleset } = parseRulesets({
    nftJson: run(['-j', ...listing.split(' ')]).stdout,
    nftText: stdout,
    iptables: '',
    ip6tables: '',
    ipset: undefined,
  });
  const [table] = ruleset.tables;
  return table ?? 'nft: lists nothing of what it was given';
}
