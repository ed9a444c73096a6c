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

/** Made once for each list of chains, unless a collection has listed them. */
export function directoryOf(chains: readonly Chain[]): ChainDirectory {
  const known = DIRECTORIES.get(chains);
  if (known !== undefined) return known;
  const byName = new Map<string, Chain>();
  const registered: RegisteredChain[] = [];
  chains.forEach((chain) => {
    byName.set(chain.name, chain);
    if (isRegistered(chain)) registered.push(chain);
  });
  const directory = { byName, registered };
  DIRECTORIES.set(chains, directory);
  return directory;
}

/**
 * The chains of a table while it is read: their directory is made on the way, at a fraction of what it takes whoever asks
 * for it later.
 */
export class ChainCollection<Own extends Chain = Chain> {
  readonly #byName = new Map<string, Own>();
  readonly #registered = new Map<string, RegisteredChain>();

  /** The last one of a name counts. */
  add(chain: Own): void {
    this.#byName.set(chain.name, chain);
    if (isRegistered(chain)) this.#registered.set(chain.name, chain);
    else this.#registered.delete(chain.name);
  }

  get(name: string): Own | undefined {
    return this.#byName.get(name);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** All of them, when no more is to come. */
  list(): readonly Own[] {
    const chains = [...this.#byName.values()];
    DIRECTORIES.set(chains, { byName: this.#byName, registered: [...this.#registered.values()] });
    return chains;
  }
}

function isRegistered(chain: Chain): chain is RegisteredChain {
  return chain.base !== undefined;
}
