import { concatenationNumber, DATA_TYPES, typesOfNumber } from '../../netfilter/data-type.ts';
import { isMap } from '../../netfilter/element-key.ts';
import type { DataType, NamedMap, NamedSet } from '../../netfilter/node.ts';
import { layoutOf } from '../../netfilter/set-layout.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import {
  DATA_TYPE_VERDICT,
  NFTA_LIST_ELEM,
  NFTA_SET,
  NFTA_SET_DESC,
  NFTA_SET_FIELD_LEN,
  SET_FLAGS,
} from './attribute-type.ts';
import { decodeSetUserdata, encodeSetUserdata } from './userdata.ts';

const NFGENMSG_LENGTH = 4;
/** sizeof(struct nft_verdict) on 64-bit machines. */
const VERDICT_BYTES = 16;

const FLAG_NUMBERS = {
  constant: SET_FLAGS.constant,
  interval: SET_FLAGS.interval,
  timeout: SET_FLAGS.timeout,
  dynamic: SET_FLAGS.evaluated,
} as const;

/**
 * Writes the attributes of NFT_MSG_NEWSET but the table's name; elements are messages of their own.
 * @param size of the hash table, and the most elements until another is given
 */
export function encodeSet(builder: MessageBuilder, set: NamedSet | NamedMap, id: number, size = set.size): void {
  const layout = layoutOf(set);
  let flags = set.flags.reduce((sum, flag) => sum | FLAG_NUMBERS[flag], 0);
  if (isMap(set)) flags |= SET_FLAGS.map;
  if (set.timeout !== undefined) flags |= SET_FLAGS.timeout;
  if (layout.intervals === 'fields') flags |= SET_FLAGS.concatenated;
  // The kernel gives names to those with a pattern in theirs.
  if (set.name.includes('%')) flags |= SET_FLAGS.anonymous;
  builder.string(NFTA_SET.name, set.name).be32(NFTA_SET.id, id).be32(NFTA_SET.flags, flags);
  builder.be32(NFTA_SET.keyType, concatenationNumber(set.key)).be32(NFTA_SET.keyLength, layout.key.bytes);
  if (layout.verdicts) builder.be32(NFTA_SET.dataType, DATA_TYPE_VERDICT).be32(NFTA_SET.dataLength, VERDICT_BYTES);
  else if (isMap(set) && set.value !== 'verdict' && layout.value !== undefined)
    builder.be32(NFTA_SET.dataType, concatenationNumber(set.value)).be32(NFTA_SET.dataLength, layout.value.bytes);
  const description = builder.beginNest(NFTA_SET.description);
  if (size !== undefined) builder.be32(NFTA_SET_DESC.size, size);
  if (layout.intervals === 'fields') {
    const list = builder.beginNest(NFTA_SET_DESC.concatenation);
    for (const { type } of layout.key.fields) {
      const field = builder.beginNest(NFTA_LIST_ELEM);
      builder.be32(NFTA_SET_FIELD_LEN, type.bytes).endNest(field);
    }
    builder.endNest(list);
  }
  builder.endNest(description);
  if (set.timeout !== undefined) builder.be64(NFTA_SET.timeout, set.timeout);
  builder.attribute(
    NFTA_SET.userdata,
    encodeSetUserdata({
      keyOrder: orderOf(set.key),
      ...(isMap(set) && set.value !== 'verdict' && { dataOrder: orderOf(set.value) }),
      autoMerge: set.autoMerge === true,
      ...(set.comment !== undefined && { comment: set.comment }),
    }),
  );
}

function orderOf(types: readonly DataType[]): 'host' | 'big' {
  const [only] = types;
  return types.length === 1 && only !== undefined ? DATA_TYPES[only].order : 'big';
}

/** A set or map as a dump tells it: without elements, and with the table that it stands in. */
export interface DecodedSet {
  readonly table: string;
  readonly anonymous: boolean;
  readonly set: NamedSet | NamedMap;
}

/** Reads NFT_MSG_NEWSET. A key or value of types that aren't known here becomes `unknown`. */
export function decodeSet(message: NetlinkMessage): DecodedSet {
  const attributes = AttributeReader.ofMessage(message, NFGENMSG_LENGTH);
  let table = '';
  let name = '';
  let flags = 0;
  let keyType = 0;
  let dataType: number | undefined;
  let size: number | undefined;
  let timeout: number | undefined;
  let userdata: ReturnType<typeof decodeSetUserdata> = { autoMerge: false };
  while (attributes.next()) {
    switch (attributes.type) {
      case NFTA_SET.table:
        table = attributes.string();
        break;
      case NFTA_SET.name:
        name = attributes.string();
        break;
      case NFTA_SET.flags:
        flags = attributes.be32();
        break;
      case NFTA_SET.keyType:
        keyType = attributes.be32();
        break;
      case NFTA_SET.dataType:
        dataType = attributes.be32();
        break;
      case NFTA_SET.description:
        size = sizeIn(attributes.nested());
        break;
      case NFTA_SET.timeout:
        timeout = Number(attributes.be64());
        break;
      case NFTA_SET.userdata:
        userdata = decodeSetUserdata(attributes.bytes());
        break;
    }
  }
  const names = Object.keys(FLAG_NUMBERS) as (keyof typeof FLAG_NUMBERS)[];
  const set: NamedSet = {
    name,
    key: typesOfNumber(keyType) ?? ['unknown'],
    flags: names.filter((flag) => (flags & FLAG_NUMBERS[flag]) !== 0),
    ...(userdata.autoMerge && { autoMerge: true }),
    ...(size !== undefined && { size }),
    ...(timeout !== undefined && timeout !== 0 && { timeout }),
    ...(userdata.comment !== undefined && { comment: userdata.comment }),
    elements: [],
  };
  const anonymous = (flags & SET_FLAGS.anonymous) !== 0;
  if ((flags & SET_FLAGS.map) === 0) return { table, anonymous, set };
  const value = dataType === DATA_TYPE_VERDICT ? 'verdict' : (typesOfNumber(dataType ?? 0) ?? ['unknown' as const]);
  return { table, anonymous, set: { ...set, value, elements: [] } };
}

function sizeIn(description: AttributeReader): number | undefined {
  while (description.next()) if (description.type === NFTA_SET_DESC.size) return description.be32();
  return undefined;
}
