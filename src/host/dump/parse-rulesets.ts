import type { Family } from '../../address/family.ts';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { ChainCollection, directoryOf } from '../../netfilter/chain-directory.ts';
import type { IpSet } from '../../netfilter/ipset/node.ts';
import { parseIpsetSave } from '../../netfilter/ipset/parse-ipset-save.ts';
import { translateIptablesSave } from '../../netfilter/iptables/translate/translate-ruleset.ts';
import { parseNftJson } from '../../netfilter/nft-json/parse-ruleset.ts';
import { parseNftText } from '../../netfilter/nft-text/parse-ruleset.ts';
import type { Chain, Rule, Ruleset, Table } from '../../netfilter/node.ts';
import type { Unknown } from '../network-state.ts';
import { iptablesListings } from './iptables-listing.ts';

/** The dumps of one namespace's rules; absent where there is none. */
export interface RulesetDumps {
  readonly nftJson: string | undefined;
  readonly nftText: string | undefined;
  readonly iptables: string | undefined;
  readonly ip6tables: string | undefined;
  readonly ipset: string | undefined;
}

export interface ParsedRuleset {
  readonly ruleset: Ruleset;
  readonly unknown: readonly Unknown[];
}

/**
 * All rules of a namespace as one ruleset: nf_tables' own tables, those of iptables-nft as iptables says them (nft knows no
 * words for many of its extensions), and legacy ones beside them. A dump that is missing or can't be read becomes unknown.
 */
export function parseRulesets(dumps: RulesetDumps): ParsedRuleset {
  const unknown: Unknown[] = [];
  const listed = parseListing(dumps, unknown);
  const tables = new Map((listed?.tables ?? []).map((table) => [keyOf(table), table]));
  const sets = attempt('ipset-save.txt', () => parseIpsetSave(dumps.ipset ?? ''), unknown) ?? [];
  for (const family of [4, 6] as const) {
    const name = family === 4 ? 'iptables-save.txt' : 'ip6tables-save.txt';
    const text = family === 4 ? dumps.iptables : dumps.ip6tables;
    if (text === undefined) unknown.push({ what: `iptables rules (IPv${family})`, why: `${name} is missing` });
    else
      for (const table of parseIptables(name, text, family, sets, listed, unknown))
        tables.set(keyOf(table), withForeignChains(table, tables.get(keyOf(table))));
  }
  return { ruleset: { tables: [...tables.values()] }, unknown };
}

/**
 * A table as iptables says it, with what it can't say: chains that others put into a table of its name stand in nft's listing alone,
 * and in their place iptables-save invents empty ones that accept (`contains incompatible base-chains`).
 */
function withForeignChains(table: Table, listed: Table | undefined): Table {
  if (listed === undefined) return table;
  const [sets, maps] = [table.sets, table.maps].map((items) => new Set(items.map(({ name }) => name)));
  return {
    ...table,
    sets: [...table.sets, ...listed.sets.filter(({ name }) => sets?.has(name) !== true)],
    maps: [...table.maps, ...listed.maps.filter(({ name }) => maps?.has(name) !== true)],
    chains: chainsWithForeign(table.chains, listed.chains),
  };
}

/** The very list of iptables' chains where nobody has put others among them: their names are known already. */
function chainsWithForeign(own: readonly Chain[], listed: readonly Chain[]): readonly Chain[] {
  const [ownByName, listedByName] = [directoryOf(own).byName, directoryOf(listed).byName];
  const chains = own.map((chain) => {
    const other = listedByName.get(chain.name);
    return other !== undefined && (other.rules.length > chain.rules.length || !sameBase(other, chain)) ? other : chain;
  });
  const foreign = listed.filter(({ name }) => !ownByName.has(name));
  const isUntouched = foreign.length === 0 && chains.every((chain, place) => chain === own[place]);
  return isUntouched ? own : [...chains, ...foreign];
}

function sameBase({ base: one }: Chain, { base: other }: Chain): boolean {
  return (
    one?.hook === other?.hook &&
    one?.type === other?.type &&
    one?.priority === other?.priority &&
    one?.policy === other?.policy
  );
}

function keyOf({ family, name }: Pick<Table, 'family' | 'name'>): string {
  return `${family} ${name}`;
}

/** Runs a parser; text that it refuses becomes unknown. */
export function attempt<Result>(what: string, parse: () => Result, unknown: Unknown[]): Result | undefined {
  try {
    return parse();
  } catch (error) {
    if (!isFlatnetError(error, 'invalid')) throw error;
    unknown.push({ what, why: error.message });
    return undefined;
  }
}

function parseListing({ nftJson, nftText }: RulesetDumps, unknown: Unknown[]): Ruleset | undefined {
  const json = nftJson === undefined ? undefined : attempt('nft.json', () => parseNftJson(nftJson), unknown);
  const text = nftText === undefined ? undefined : attempt('nft.txt', () => parseNftText(nftText), unknown);
  if (nftJson === undefined && nftText === undefined)
    unknown.push({ what: 'nf_tables rules', why: 'nft.json and nft.txt are missing' });
  const lacking = json?.tables.flatMap(({ family, name, chains }) =>
    chains.filter(lacksDevices).map((chain) => `chain ${chain.name} of table ${family} ${name}`),
  );
  if (text === undefined && lacking?.[0] !== undefined)
    unknown.push({ what: 'nf_tables rules', why: `nft.json names no device of ${lacking[0]}` });
  return json !== undefined && text !== undefined ? betterKnown(json, text) : (json ?? text);
}

/** Either listing has no words for some statements that the other one has: of each rule, the one that is understood better. */
function betterKnown(json: Ruleset, text: Ruleset): Ruleset {
  const others = new Map(text.tables.map((table) => [keyOf(table), table]));
  const tables = json.tables.map((table): Table => {
    const said = directoryOf(others.get(keyOf(table))?.chains ?? []).byName;
    const chains = new ChainCollection();
    for (const chain of table.chains) chains.add(betterChain(chain, said.get(chain.name)));
    return { ...table, chains: chains.list() };
  });
  // taken one after the other, either may have a table that the other has not
  const known = new Set(json.tables.map(keyOf));
  return { tables: [...tables, ...text.tables.filter((table) => !known.has(keyOf(table)))] };
}

function betterChain(chain: Chain, other: Chain | undefined): Chain {
  const rules = other?.rules ?? [];
  const based = lacksDevices(chain) && other?.base !== undefined ? { ...chain, base: other.base } : chain;
  if (rules.length !== chain.rules.length) return based;
  return { ...based, rules: chain.rules.map((rule, index) => betterRule(rule, rules[index])) };
}

/** Some releases of nft leave the devices of a chain out of their JSON (1.0.6). */
function lacksDevices({ base }: Chain): boolean {
  return base?.devices?.length === 0;
}

function betterRule(rule: Rule, other: Rule | undefined): Rule {
  return other !== undefined && unknownCount(other) < unknownCount(rule) ? other : rule;
}

function unknownCount({ statements }: Rule): number {
  return statements.filter(({ kind }) => kind === 'unknown').length;
}

function parseIptables(
  name: string,
  text: string,
  family: Family,
  sets: readonly IpSet[],
  listed: Ruleset | undefined,
  unknown: Unknown[],
): readonly Table[] {
  const { listings, unlisted } = iptablesListings(text);
  if (unlisted !== undefined)
    unknown.push({ what: `legacy iptables tables (IPv${family})`, why: `${name} has none of them: ${unlisted}` });
  return listings.flatMap(({ variant, text: part }) => {
    const listedToo = (table: string) =>
      listed?.tables.some((each) => keyOf(each) === `${family === 4 ? 'ip' : 'ip6'} ${table}`);
    // a listing without its heading is one of nf_tables' where nft lists one of its tables too
    const inferred =
      variant ?? ([...part.matchAll(/^\*(\S+)/gm)].some(([, table = '']) => listedToo(table)) ? 'nf_tables' : 'legacy');
    return attempt(name, () => translateIptablesSave(part, { family, variant: inferred, sets }), unknown) ?? [];
  });
}
