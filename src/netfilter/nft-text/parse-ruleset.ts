import { ChainCollection } from '../chain-directory.ts';
import { DATA_TYPES } from '../data-type.ts';
import { isMap } from '../element-key.ts';
import { NotModelled, oneOf } from '../nft-json/json-node.ts';
import { dataTypesOf, type ExpressionContext } from '../nft-json/parse-expression.ts';
import type { BaseChain, Chain, DataType, HookName, NamedMap, NamedSet, Ruleset, Table, TableFamily } from '../node.ts';
import { parseDuration, parseMapElements, parseSetElements } from './parse-constant.ts';
import { parseExpression } from './parse-expression.ts';
import { parseRule } from './parse-statement.ts';
import { parsePriority } from './priority.ts';
import { TokenReader } from './token-reader.ts';

const FAMILIES: readonly TableFamily[] = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'];
const HOOKS: readonly HookName[] = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress', 'egress'];
const NO_SETS: ExpressionContext = { findSet: () => undefined, requireTransport: () => {} };

/**
 * Reads what `nft list ruleset` prints. What of a rule isn't modelled becomes `unknown` with its text; objects that only such
 * statements use (counters, quotas, flowtables) are passed over.
 * @throws FlatnetError `invalid` that names line and column, for text that is no such listing or is cut off
 */
export function parseNftText(listing: string): Ruleset {
  const reader = new TokenReader(listing);
  const tables: Table[] = [];
  try {
    for (reader.skipLineEnds(); reader.peek().kind !== 'end'; reader.skipLineEnds()) {
      reader.expect('table');
      const family = FAMILIES.find((each) => reader.accept(each)) ?? 'ip';
      tables.push(parseTable(reader, family, reader.word()));
    }
  } catch (error) {
    if (error instanceof NotModelled) throw reader.malformed(error.message);
    throw error;
  }
  return { tables };
}

function parseTable(reader: TokenReader, family: TableFamily, name: string): Table {
  const flags: Table['flags'][number][] = [];
  const sets = new Map<string, NamedSet | NamedMap>();
  const chains = new ChainCollection();
  const context = { family, findSet: (set: string) => sets.get(set) };
  reader.expect('{');
  // rules may name sets and maps that stand behind them
  const pending: { readonly chain: Omit<Chain, 'rules'>; readonly position: number }[] = [];
  for (reader.skipLineEnds(); !reader.accept('}'); reader.skipLineEnds()) {
    const word = reader.word();
    if (word === 'flags')
      do flags.push(oneOf(['dormant', 'owner', 'persist'], reader.word()));
      while (reader.accept(','));
    else if (word === 'set' || word === 'map') {
      const set = parseSet(reader, word, reader.word());
      sets.set(set.name, set);
    } else if (word === 'chain') {
      const chain = parseChainHead(reader, family, reader.word());
      pending.push({ chain, position: reader.position });
      skipRules(reader);
    } else reader.restOfLine();
  }
  const end = reader.position;
  for (const { chain, position } of pending) {
    reader.rewind(position);
    const rules = [];
    for (reader.skipLineEnds(); !reader.at('}'); reader.skipLineEnds()) rules.push(parseRule(reader, context));
    chains.add({ ...chain, rules });
  }
  reader.rewind(end);
  const all = [...sets.values()];
  return {
    family,
    name,
    flags,
    sets: all.filter((set) => !isMap(set)),
    maps: all.filter(isMap),
    chains: chains.list(),
  };
}

function skipRules(reader: TokenReader): void {
  for (reader.skipLineEnds(); !reader.accept('}'); reader.skipLineEnds()) {
    if (reader.peek().kind === 'end') throw new NotModelled('} expected');
    reader.restOfLine();
  }
}

/** `{`, and the lines of a chain that are no rules. */
function parseChainHead(reader: TokenReader, family: TableFamily, name: string): Omit<Chain, 'rules'> {
  reader.expect('{');
  let base: BaseChain | undefined;
  for (reader.skipLineEnds(); ; reader.skipLineEnds()) {
    if (reader.at('type') && reader.at('hook', 2)) base = parseHook(reader, family);
    else if (reader.at('policy') && base !== undefined) {
      reader.next();
      base = { ...base, policy: oneOf(['accept', 'drop'], reader.word()) };
    } else if (reader.at('comment') || reader.at('flags')) reader.restOfLine();
    else return { name, ...(base !== undefined && { base }) };
  }
}

/** `type nat hook prerouting device "eth0" priority dstnat`. */
function parseHook(reader: TokenReader, family: TableFamily): BaseChain {
  reader.expect('type');
  const type = oneOf(['filter', 'nat', 'route'], reader.word());
  reader.expect('hook');
  const hook = oneOf(HOOKS, reader.word());
  const devices: string[] = [];
  if (reader.accept('device')) devices.push(reader.word());
  else if (reader.accept('devices')) {
    reader.expect('=');
    reader.expect('{');
    do devices.push(reader.word());
    while (reader.accept(','));
    reader.expect('}');
  }
  reader.expect('priority');
  const priority = parsePriority(reader, family);
  const bound = hook === 'ingress' || hook === 'egress';
  return { type, hook, priority, policy: 'accept', ...(bound && { devices: devices.sort() }) };
}

function parseSet(reader: TokenReader, kind: 'set' | 'map', name: string): NamedSet | NamedMap {
  let key: readonly DataType[] = ['unknown'];
  let value: readonly DataType[] | 'verdict' = ['unknown'];
  let elementsAt: number | undefined;
  const flags: NamedSet['flags'][number][] = [];
  const rest: { autoMerge?: boolean; size?: number; timeout?: number; comment?: string } = {};
  reader.expect('{');
  for (reader.skipLineEnds(); !reader.accept('}'); reader.skipLineEnds()) {
    const word = reader.word();
    if (word === 'type' || word === 'typeof') {
      const parse = word === 'type' ? parseTypes : parseTypesOfExpression;
      key = parse(reader);
      if (reader.accept(':')) value = reader.accept('verdict') ? 'verdict' : parse(reader);
    } else if (word === 'size') rest.size = reader.number();
    else if (word === 'timeout') rest.timeout = parseDuration(reader.word());
    else if (word === 'auto-merge') rest.autoMerge = true;
    else if (word === 'comment') rest.comment = reader.word();
    else if (word === 'flags')
      do flags.push(oneOf(['constant', 'interval', 'timeout', 'dynamic'], reader.word()));
      while (reader.accept(','));
    else if (word === 'elements') {
      reader.expect('=');
      elementsAt = reader.position;
      reader.restOfLine();
    } else reader.restOfLine();
  }
  const end = reader.position;
  const declared = { name, key, flags, ...rest };
  const empty = elementsAt === undefined;
  if (elementsAt !== undefined) reader.rewind(elementsAt);
  const set =
    kind === 'map'
      ? { ...declared, value, elements: empty ? [] : parseMapElements(reader, key, value) }
      : { ...declared, elements: empty ? [] : parseSetElements(reader, key) };
  reader.rewind(end);
  return set;
}

function parseTypes(reader: TokenReader): readonly DataType[] {
  const types: DataType[] = [];
  reader.accept('interval');
  do {
    const name = reader.word();
    types.push(isDataType(name) ? name : 'unknown');
  } while (reader.accept('.'));
  return types;
}

function isDataType(name: string): name is DataType {
  return Object.hasOwn(DATA_TYPES, name);
}

/** `typeof ip daddr . tcp dport`. */
function parseTypesOfExpression(reader: TokenReader): readonly DataType[] {
  return dataTypesOf(parseExpression(reader, NO_SETS), NO_SETS) ?? ['unknown'];
}
