import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NamedMap, NamedSet } from '../../netfilter/node.ts';
import { ElementPacker, joinElements, type PackedElements } from '../../netfilter/packed-elements.ts';
import type { TableName } from '../../netfilter/table-change.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import { type NetlinkMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from '../netlink/message.ts';
import { MessageBuilder } from '../netlink/message-builder.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { FAMILY_NUMBERS, NFT_MSG, NFTA_DATA, NFTA_ELEMENT, NFTA_ELEMENT_LIST } from './attribute-type.ts';
import { elementStencil } from './element-stencil.ts';
import { wholeListing } from './whole-listing.ts';

const NFGENMSG_LENGTH = 4;
/** Bytes of receive buffer that an answer of one element takes: the kernel makes a page of it, and its own overhead. */
const ANSWER_BYTES = 9000;
/** Elements that a turn of the event loop asks for at most: a millisecond or two. */
const MOST_KEYS = 500;

/** All elements of a set of single values, some at a time; the kernel walks the set anew for every seven hundred of them. */
export function* dumpPacked(
  socket: NetlinkSocket,
  table: TableName,
  set: NamedSet | NamedMap,
): Generator<void, PackedElements> {
  const builder = new MessageBuilder(256);
  beginElements(builder, table, set.name, NLM_F_REQUEST | NLM_F_DUMP).end();
  const list = function* () {
    const parts = yield* socket.dumpSteps(builder, (message) => {
      const packer = new ElementPacker(set);
      readRows(message, packer);
      return packer.elements;
    });
    return joinElements(set, parts);
  };
  return yield* wholeListing(set, list, keysOf);
}

function* keysOf({ layout, words, stride, length }: PackedElements): Generator<string> {
  const size = layout.key.bytes / 4;
  for (let row = 0; row < length; row++) yield words.subarray(row * stride, row * stride + size).join();
}

/**
 * The elements that have these keys, at a cost of their number alone, some at a time; others have their turn in between.
 * @param keys packed elements of the set, whatever their values
 * @returns undefined where one isn't there
 */
export async function findPacked(
  socket: NetlinkSocket,
  table: TableName,
  set: NamedSet | NamedMap,
  keys: PackedElements,
): Promise<PackedElements | undefined> {
  const stencil = elementStencil(keys, false);
  const packer = new ElementPacker(set);
  const most = Math.max(1, Math.min(MOST_KEYS, Math.floor(socket.receiveBufferSize / ANSWER_BYTES)));
  for (let from = 0; from < keys.length; from += most) {
    const builder = new MessageBuilder(most * 32);
    beginElements(builder, table, set.name, NLM_F_REQUEST | NLM_F_ACK);
    const list = builder.beginNest(NFTA_ELEMENT_LIST.elements);
    const { words } = keys.slice(from, Math.min(from + most, keys.length));
    builder.stencilled(stencil, words).endNest(list).end();
    const [failure] = socket.exchange(builder, (message) => readRows(message, packer));
    if (failure?.error.code === 'not-found') return undefined;
    if (failure !== undefined) throw failure.error;
    await nextTurn();
  }
  return packer.elements;
}

function beginElements(builder: MessageBuilder, table: TableName, set: string, flags: number): MessageBuilder {
  builder.begin(NFT_MSG.getElements, flags);
  builder.rawBytes(FAMILY_NUMBERS[table.family], 0, 0, 0);
  return builder.string(NFTA_ELEMENT_LIST.table, table.name).string(NFTA_ELEMENT_LIST.set, set);
}

/** Reads NFT_MSG_NEWSETELEM. */
function readRows(message: NetlinkMessage, packer: ElementPacker): undefined {
  const attributes = AttributeReader.ofMessage(message, NFGENMSG_LENGTH);
  while (attributes.next()) {
    if (attributes.type !== NFTA_ELEMENT_LIST.elements) continue;
    const list = attributes.nested();
    while (list.next()) {
      const element = list.nested();
      // The kernel writes an element's key before its data.
      while (element.next())
        if (element.type === NFTA_ELEMENT.key || element.type === NFTA_ELEMENT.data)
          readWords(element.nested(), packer);
    }
  }
}

function readWords(data: AttributeReader, packer: ElementPacker): void {
  while (data.next())
    if (data.type === NFTA_DATA.value) for (let at = 0; at < data.length; at += 4) packer.word(data.u32At(at));
}
