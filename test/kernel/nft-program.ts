import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { missingPeers, peerCommand } from '../peers/peer.ts';

/** Why tests that ask nft for its opinion are left out; false where it is installed. */
export const NFT_MISSING: string | false =
  spawnSync('nft', ['--version']).status === 0 ? false : 'nft is not installed (package nftables)';

/** The versions that must understand our tables: those of Debian 12 and 13. */
export const NFT_VERSIONS = ['1.0.6', '1.1.3'] as const;
export type NftVersion = (typeof NFT_VERSIONS)[number];

const INSTALLED = /v(\d+\.\d+\.\d+)/.exec(spawnSync('nft', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1];

/** Why tests that ask nft of one version are left out; false where it is installed or unpacked. */
export function nftMissing(version: NftVersion): string | false {
  return INSTALLED !== version && missingPeers(`nft-${version}`);
}

/** Runs nft of one version in a namespace. */
export function runNft(
  version: NftVersion,
  namespace: NetworkNamespace,
  options: readonly string[],
  input = '',
): SpawnSyncReturns<string> {
  const own = INSTALLED === version ? undefined : peerCommand(`nft-${version}`);
  const [program, ...before] = own ?? ['nft'];
  return namespace.run(() => spawnSync(program, [...before, ...options], { input, encoding: 'utf8' }));
}
