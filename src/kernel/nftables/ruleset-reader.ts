import { canonicalRule } from '../../netfilter/canonical-rule.ts';
import { isMap, isMapElement } from '../../netfilter/element-key.ts';
import type { BaseChain, Chain, NamedMap, NamedSet, Rule, Table, TableFamily } from '../../netfilter/node.ts';
import { layoutOf } from '../../netfilter/set-layout.ts';
import type { TableName } from '../../netfilter/table-change.ts';
import { finished } from '../finished-steps.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import { type NetlinkMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from '../netlink/message.ts';
import { MessageBuilder } from '../netlink/message-builder.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import {
  FAMILY_NUMBERS,
  NFT_MSG,
  NFTA_ELEMENT_LIST,
  NFTA_GEN_ID,
  NFTA_RULE,
  NFTA_SET,
  NFTA_TABLE,
  TABLE_FLAGS,
} from './attribute-type.ts';
import { decodeChain } from './chain-codec.ts';
import { decodeElements, elementNodes, type KernelElement } from './element-decoder.ts';
import { type DecodedRule, decodeRule, familyOf } from './rule-decoder.ts';
import { disassembleRule } from './rule-disassembler.ts';
import { decodeSet } from './set-codec.ts';
import { wholeListing } from './whole-listing.ts';

const NFGENMSG_LENGTH = 4;
/** NFPROTO_UNSPEC: tables of every family. */
const ANY_FAMILY = 0;

/** A table of anybody's: its name and how it is hooked, not what is in it. */
export interface TableListing extends TableName {
  readonly flags: Table['flags'];
  /** Netlink port of the socket that owns it, where one does. */
  readonly owner?: number;
  readonly chains: readonly ChainListing[];
}

export interface ChainListing {
  readonly name: string;
  readonly base?: BaseChain;
}

type ListedTable = Omit<TableListing, 'chains'>;

function dumpRequest(
  type: number,
  family: TableFamily | undefined,
  attributes: readonly (readonly [number, string])[],
) {
  const builder = new MessageBuilder(256);
  builder.begin(type, NLM_F_REQUEST | NLM_F_DUMP);
  builder.rawBytes(family === undefined ? ANY_FAMILY : FAMILY_NUMBERS[family], 0, 0, 0);
  for (const [attribute, value] of attributes) builder.string(attribute, value);
  return builder.end();
}

/** Names, owners and hooks of all tables of the socket's namespace. */
export function readTableListings(socket: NetlinkSocket): TableListing[] {
  const tables = socket.dump(dumpRequest(NFT_MSG.getTable, undefined, []), decodeTable);
  const chains = socket.dump(dumpRequest(NFT_MSG.getChain, undefined, []), (message) => {
    const family = familyOf(message);
    return family === undefined ? undefined : { family, ...decodeChain(message, family) };
  });
  return tables.map((table) => ({
    ...table,
    chains: chains
      .filter((chain) => chain.family === table.family && chain.table === table.name)
      .map(({ chain: { name, base } }) => ({ name, ...(base !== undefined && { base }) })),
  }));
}

function decodeTable(message: NetlinkMessage): ListedTable | undefined {
  const family = familyOf(message);
  if (family === undefined) return undefined;
  const attributes = AttributeReader.ofMessage(message, NFGENMSG_LENGTH);
  let name = '';
  let flags = 0;
  let owner: number | undefined;
  while (attributes.next()) {
    if (attributes.type === NFTA_TABLE.name) name = attributes.string();
    else if (attributes.type === NFTA_TABLE.flags) flags = attributes.be32();
    else if (attributes.type === NFTA_TABLE.owner) owner = attributes.be32();
  }
  const names = Object.keys(TABLE_FLAGS) as (keyof typeof TABLE_FLAGS)[];
  return {
    family,
    name,
    flags: names.filter((flag) => (flags & TABLE_FLAGS[flag]) !== 0),
    ...(owner !== undefined && { owner }),
  };
}

/** How many transactions the ruleset of the socket's namespace has seen; 32 bits that never are 0. */
export function readGeneration(socket: NetlinkSocket): number {
  const builder = new MessageBuilder(64);
  builder.begin(NFT_MSG.getGeneration, NLM_F_REQUEST | NLM_F_ACK);
  builder.rawBytes(ANY_FAMILY, 0, 0, 0).end();
  let generation = 0;
  const [failure] = socket.exchange(builder, (message) => {
    const attributes = AttributeReader.ofMessage(message, NFGENMSG_LENGTH);
    while (attributes.next()) if (attributes.type === NFTA_GEN_ID) generation = attributes.be32();
  });
  if (failure !== undefined) throw failure.error;
  return generation;
}

interface FoundSet {
  readonly anonymous: boolean;
  readonly set: NamedSet | NamedMap;
}

/** The declarations of a table's sets and maps, without elements, by name; those of single rules among them. */
export function readSetDeclarations(socket: NetlinkSocket, { family, name }: TableName): Map<string, FoundSet> {
  const found = socket.dump(dumpRequest(NFT_MSG.getSet, family, [[NFTA_SET.table, name]]), (message) => {
    const { table, set, anonymous } = decodeSet(message);
    return table === name ? { set, anonymous } : undefined;
  });
  return new Map(found.map((each) => [each.set.name, each]));
}

/** A set with the elements that it has. */
function withElements(
  socket: NetlinkSocket,
  { family, name }: TableName,
  set: NamedSet | NamedMap,
): NamedSet | NamedMap {
  const layout = layoutOf(set);
  const request = dumpRequest(NFT_MSG.getElements, family, [
    [NFTA_ELEMENT_LIST.table, name],
    [NFTA_ELEMENT_LIST.set, set.name],
  ]);
  const list = function* () {
    return (yield* socket.dumpSteps(request, (message) => decodeElements(message, layout))).flat();
  };
  const elements = elementNodes(set, finished(wholeListing(set, list, keysOf)));
  return isMap(set) ? { ...set, elements: elements.filter(isMapElement) } : { ...set, elements };
}

function keysOf(elements: readonly KernelElement[]): readonly string[] {
  return elements.map(({ bytes }) => Buffer.from(bytes).toString('latin1'));
}

/** The rules of a chain as the kernel has them, in their order. */
export function readRules(socket: NetlinkSocket, { family, name }: TableName, chain?: string): DecodedRule[] {
  const filter = [
    [NFTA_RULE.table, name] as const,
    ...(chain === undefined ? [] : [[NFTA_RULE.chain, chain] as const]),
  ];
  return socket
    .dump(dumpRequest(NFT_MSG.getRule, family, filter), decodeRule)
    .filter((rule) => rule.table === name && (chain === undefined || rule.chain === chain));
}

/**
 * A whole table with all that is in it, or undefined where there is none of that name.
 * @param leavingOut names of sets and maps whose elements aren't read
 */
export function readTable(socket: NetlinkSocket, name: TableName, leavingOut?: ReadonlySet<string>): Table | undefined {
  return finished(readTableSteps(socket, name, leavingOut));
}

/** The same, a set, the rules or the chains at a time. */
export function* readTableSteps(
  socket: NetlinkSocket,
  name: TableName,
  leavingOut: ReadonlySet<string> = new Set(),
): Generator<void, Table | undefined> {
  const listing = socket
    .dump(dumpRequest(NFT_MSG.getTable, name.family, []), decodeTable)
    .find((table) => table.name === name.name && table.family === name.family);
  if (listing === undefined) return undefined;
  const sets = new Map<string, FoundSet>();
  for (const [key, { anonymous, set }] of readSetDeclarations(socket, name)) {
    sets.set(key, { anonymous, set: leavingOut.has(key) ? set : withElements(socket, name, set) });
    yield;
  }
  const rules = Map.groupBy(readRules(socket, name), (rule) => rule.chain);
  yield;
  const chains: Chain[] = socket
    .dump(dumpRequest(NFT_MSG.getChain, name.family, []), (message) => decodeChain(message, name.family))
    .filter(({ table }) => table === name.name)
    .map(({ chain }) => ({
      ...chain,
      rules: (rules.get(chain.name) ?? []).map((rule) => ruleNode(rule, name.family, sets)),
    }));
  const named = [...sets.values()].filter(({ anonymous }) => !anonymous).map(({ set }) => set);
  return {
    family: name.family,
    name: name.name,
    flags: listing.flags,
    sets: named.filter((set) => !isMap(set)),
    maps: named.filter(isMap),
    chains,
  };
}

function ruleNode(rule: DecodedRule, family: TableFamily, sets: ReadonlyMap<string, FoundSet>): Rule {
  const statements = disassembleRule(rule.expressions, { family, findSet: (name) => sets.get(name) });
  return canonicalRule({ statements, ...(rule.comment !== undefined && { comment: rule.comment }) }, family);
}
