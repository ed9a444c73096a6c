import type { BaseChain, Chain } from './node.ts';

export interface RegisteredChain extends Chain {
  readonly base: BaseChain;
}

/** The chains of a table: kube-proxy makes a hundred thousand, of which a few are at hooks. */
export interface ChainDirectory {
  readonly byName: ReadonlyMap<string, Chain>;
  readonly registered: readonly RegisteredChain[];
}

const DIRECTORIES = new WeakMap<readonly Chain[], ChainDirectory>();

/** Made once for each list of chains. */
export function directoryOf(chains: readonly Chain[]): ChainDirectory {
  const known = DIRECTORIES.get(chains);
  if (known !== undefined) return known;
  const byName = new Map<string, Chain>();
  const registered: RegisteredChain[] = [];
  for (const chain of chains) {
    byName.set(chain.name, chain);
    if (isRegistered(chain)) registered.push(chain);
  }
  const directory = { byName, registered };
  DIRECTORIES.set(chains, directory);
  return directory;
}

/** The chains of a directory that somebody has made anyway, as a list: it is the list's own from then on. */
export function listChains(directory: ChainDirectory): readonly Chain[] {
  const chains = [...directory.byName.values()];
  DIRECTORIES.set(chains, directory);
  return chains;
}

export function isRegistered(chain: Chain): chain is RegisteredChain {
  return chain.base !== undefined;
}
