import type { Chain, Rule, Table } from '../../src/netfilter/node.ts';
import type { IptablesTable } from './iptables-text.ts';
import type { NftText } from './nft-text.ts';
import type { SiteName } from './site-plan.ts';
import type { Conversation, SiteSettings, World } from './world.ts';

/** The lists that are left of a list where one row is taken out. */
function* withoutOne<Row>(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let index = 0; index < rows.length; index++) yield rows.filter((_, at) => at !== index);
}

/** The lists in which one row is replaced by something smaller. */
function* withOneSmaller<Row>(rows: readonly Row[], smaller: (row: Row) => Iterable<Row>): Generator<readonly Row[]> {
  for (const [index, row] of rows.entries())
    for (const next of smaller(row)) yield rows.map((each, at) => (at === index ? next : each));
}

/** Cases with a little less in them, the largest steps first. */
export function* smallerWorlds(world: World): Generator<World> {
  const { sites, conversations } = world;
  for (const fewer of withoutOne(conversations)) if (fewer.length > 0) yield { ...world, conversations: fewer };
  const names = Object.keys(sites) as SiteName[];
  for (const name of names) {
    const { [name]: _, ...others } = sites;
    yield { ...world, sites: others };
  }
  for (const name of names) {
    const settings = sites[name];
    if (settings === undefined) continue;
    for (const smaller of smallerSettings(settings)) yield { ...world, sites: { ...sites, [name]: smaller } };
  }
  for (const simpler of withOneSmaller(conversations, simplerConversations)) yield { ...world, conversations: simpler };
}

function* smallerSettings(settings: SiteSettings): Generator<SiteSettings> {
  for (const tables of withoutOne(settings.tables)) yield { ...settings, tables };
  for (const iptables of withoutOne(settings.iptables)) yield { ...settings, iptables };
  for (const iptables of withOneSmaller(settings.iptables, smallerIptables)) yield { ...settings, iptables };
  for (const texts of withoutOne(settings.texts)) yield { ...settings, texts };
  for (const texts of withOneSmaller(settings.texts, smallerTexts)) yield { ...settings, texts };
  for (const routes of withoutOne(settings.routes)) yield { ...settings, routes };
  for (const rules of withoutOne(settings.rules)) yield { ...settings, rules };
  for (const sysctls of withoutOne(settings.sysctls)) yield { ...settings, sysctls };
  for (const tables of withOneSmaller(settings.tables, smallerTables)) yield { ...settings, tables };
  const routes = withOneSmaller(settings.routes, (route) =>
    route.nextHops.length < 2 ? [] : route.nextHops.map((hop) => ({ ...route, nextHops: [hop] })),
  );
  for (const smaller of routes) yield { ...settings, routes: smaller };
}

/** Without one of its rules, or with one that asks less. */
function* smallerIptables(table: IptablesTable): Generator<IptablesTable> {
  for (const rules of withoutOne(table.rules)) if (rules.length > 0) yield { ...table, rules };
  for (const rules of withOneSmaller(table.rules, smallerLines)) yield { ...table, rules };
}

function* smallerTexts(text: NftText): Generator<NftText> {
  for (const chains of withoutOne(text.chains)) if (chains.length > 0) yield { ...text, chains };
  const chains = withOneSmaller(text.chains, function* (chain) {
    for (const rules of withoutOne(chain.rules)) yield { ...chain, rules };
  });
  for (const smaller of chains) yield { ...text, chains: smaller };
}

function* smallerLines(line: string): Generator<string> {
  const [chain = '', ...asked] = line.split(/ (?=(?:! )?-[a-z] )/);
  for (const fewer of withoutOne(asked)) if (fewer.length > 0) yield [chain, ...fewer].join(' ');
}

function* smallerTables(table: Table): Generator<Table> {
  for (const chains of withoutOne(table.chains)) yield { ...table, chains };
  for (const sets of withoutOne(table.sets)) yield { ...table, sets };
  for (const maps of withoutOne(table.maps)) yield { ...table, maps };
  for (const chains of withOneSmaller(table.chains, smallerChains)) yield { ...table, chains };
}

function* smallerChains(chain: Chain): Generator<Chain> {
  for (const rules of withoutOne(chain.rules)) yield { ...chain, rules };
  for (const rules of withOneSmaller(chain.rules, smallerRules)) yield { ...chain, rules };
}

function* smallerRules(rule: Rule): Generator<Rule> {
  for (const statements of withoutOne(rule.statements)) if (statements.length > 0) yield { ...rule, statements };
}

function* simplerConversations(conversation: Conversation): Generator<Conversation> {
  const simple = { extra: 0, hopLimit: 64, dontFragment: true, mark: 0 } as const;
  for (const [key, value] of Object.entries(simple))
    if (conversation[key as keyof typeof simple] !== value) yield { ...conversation, [key]: value };
  if (conversation.protocol !== 'udp') yield { ...conversation, protocol: 'udp' };
}
