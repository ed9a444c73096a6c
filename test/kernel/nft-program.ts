import { spawnSync } from 'node:child_process';

/** Why tests that ask nft for its opinion are left out; false where it is installed. */
export const NFT_MISSING: string | false =
  spawnSync('nft', ['--version']).status === 0 ? false : 'nft is not installed (package nftables)';
