import { FlatnetError } from '../../error/flatnet-error.ts';
import { ChainCollection } from '../chain-directory.ts';
import { DATA_TYPES } from '../data-type.ts';
import { isMap } from '../element-key.ts';
import type { Chain, DataType, HookName, NamedMap, NamedSet, Ruleset, Table, TableFamily } from '../node.ts';
import { isObject, type Json, type JsonObject, listOf, NotModelled, number, oneOf, tagged, text } from './json-node.ts';
import { parseMapElement, parseSetElement } from './parse-literal.ts';
import { parseRule } from './parse-statement.ts';

const FAMILIES: readonly TableFamily[] = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'];
const HOOKS: readonly HookName[] = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress', 'egress'];

/**
 * Reads what `nft -j list ruleset` prints (libnftables-json(5)). Statements that aren't modelled become `unknown` with
 * their JSON as text; so do, in sets, types and elements.
 * @throws FlatnetError `invalid` for text that isn't such a listing
 */
export function parseNftJson(listing: string): Ruleset {
  let root: Json;
  try {
    root = JSON.parse(listing) as Json;
  } catch (cause) {
    throw invalid('it is no JSON', cause);
  }
  const objects = isObject(root) ? root.nftables : undefined;
  if (!Array.isArray(objects)) throw invalid('it has no list "nftables"');
  const tables = new Map<string, TableDraft>();
  try {
    for (const object of objects as readonly Json[]) readObject(object, tables);
    return { tables: [...tables.values()].map(finish) };
  } catch (cause) {
    if (cause instanceof NotModelled) throw invalid(cause.message, cause);
    throw cause;
  }
}

function invalid(why: string, cause?: unknown): FlatnetError {
  return new FlatnetError({
    operation: 'parse nft JSON',
    code: 'invalid',
    message: `this is no listing of a ruleset: ${why}`,
    remedy: 'give the output of `nft -j list ruleset`',
    cause,
  });
}

/** A table while its parts are being gathered. */
interface TableDraft {
  readonly family: TableFamily;
  readonly name: string;
  readonly flags: Table['flags'];
  readonly sets: JsonObject[];
  readonly maps: JsonObject[];
  readonly chains: JsonObject[];
  readonly rules: JsonObject[];
}

function readObject(object: Json, tables: Map<string, TableDraft>): void {
  const node = tagged(object);
  if (node === undefined || !isObject(node[1])) return;
  const [tag, content] = node;
  if (tag === 'table') {
    const family = oneOf(FAMILIES, content.family);
    const name = text(content.name);
    const flags = listOf(content.flags).filter((flag) => flag === 'dormant' || flag === 'owner' || flag === 'persist');
    tables.set(`${family} ${name}`, { family, name, flags, sets: [], maps: [], chains: [], rules: [] });
    return;
  }
  if (tag !== 'set' && tag !== 'map' && tag !== 'chain' && tag !== 'rule') return;
  const table = tables.get(`${text(content.family)} ${text(content.table)}`);
  if (table === undefined) throw new NotModelled(`a ${tag} of no table`);
  table[`${tag}s`].push(content);
}

function finish(draft: TableDraft): Table {
  const { family, name, flags } = draft;
  const sets = draft.sets.map((set) => parseSet(set));
  const maps = draft.maps.map(parseMap);
  const byName = new Map<string, NamedSet | NamedMap>([...sets, ...maps].map((set) => [set.name, set]));
  const context = { family, findSet: (set: string) => byName.get(set) };
  const rules = Map.groupBy(draft.rules, (rule) => text(rule.chain));
  const chains = new ChainCollection();
  for (const chain of draft.chains) {
    const own = rules.get(text(chain.name)) ?? [];
    const parsed = own.map(({ expr, comment }) =>
      parseRule(listOf(expr), comment === undefined ? undefined : text(comment), context),
    );
    chains.add({ ...parseChain(chain), rules: parsed });
  }
  return { family, name, flags, sets, maps: maps.filter(isMap), chains: chains.list() };
}

function parseChain({ name, type, hook, prio, policy, dev }: JsonObject): Omit<Chain, 'rules'> {
  if (hook === undefined) return { name: text(name) };
  const bound = hook === 'ingress' || hook === 'egress';
  return {
    name: text(name),
    base: {
      type: oneOf(['filter', 'nat', 'route'], type),
      hook: oneOf(HOOKS, hook),
      priority: number(prio),
      policy: policy === undefined ? 'accept' : oneOf(['accept', 'drop'], policy),
      ...(bound && { devices: listOf(dev).map(text).sort() }),
    },
  };
}

function parseTypes(type: Json | undefined): DataType[] {
  // Keys are lists; the values of maps are one text.
  const names = listOf(type).flatMap((name) => (typeof name === 'string' ? name.split(' . ') : []));
  return names.map((name) => (isDataType(name) ? name : 'unknown'));
}

function isDataType(name: Json): name is DataType {
  return typeof name === 'string' && Object.hasOwn(DATA_TYPES, name);
}

function parseSet(set: JsonObject): NamedSet {
  const key = parseTypes(set.type);
  const flags = listOf(set.flags).map((flag) => oneOf(['constant', 'interval', 'timeout', 'dynamic'], flag));
  return {
    name: text(set.name),
    key,
    flags,
    ...(set['auto-merge'] === true && { autoMerge: true }),
    ...(set.size !== undefined && { size: number(set.size) }),
    ...(set.timeout !== undefined && { timeout: 1000 * number(set.timeout) }),
    ...(set.comment !== undefined && { comment: text(set.comment) }),
    elements: set.map === undefined ? listOf(set.elem).map((element) => parseSetElement(element, key)) : [],
  };
}

function parseMap(map: JsonObject): NamedMap {
  const declared = parseSet(map);
  const value = map.map === 'verdict' ? 'verdict' : parseTypes(map.map);
  const elements = listOf(map.elem).map((element) => parseMapElement(element, declared.key, value));
  return { ...declared, value, elements };
}
