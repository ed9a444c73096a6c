/** A table of family inet, in nft's words. */
export interface NftText {
  readonly name: string;
  readonly chains: readonly NftChainText[];
}

export interface NftChainText {
  readonly name: string;
  /** `type filter hook input priority 0; policy accept;`, or nothing. */
  readonly base: string;
  readonly rules: readonly string[];
}

/** What `nft -f` takes. */
export function formatNftText({ name, chains }: NftText): string {
  const texts = chains.map((chain) => {
    const lines = [chain.base, ...chain.rules].filter((line) => line !== '').map((line) => `\t\t${line}`);
    return [`\tchain ${chain.name} {`, ...lines, '\t}'].join('\n');
  });
  // chains that others lead to stand before them
  return [`table inet ${name} {`, ...texts.toReversed(), '}', ''].join('\n');
}
