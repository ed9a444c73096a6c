import { addToAddress } from '../../address/address.ts';
import { isMap } from '../../netfilter/element-key.ts';
import { canonicalLiteral } from '../../netfilter/literal-bounds.ts';
import { maximumOf } from '../../netfilter/literal-bytes.ts';
import type { Literal, MapElement, NamedMap, NamedSet, SetElement, Verdict } from '../../netfilter/node.ts';
import { type FieldLayouts, layoutOf, readFields, type SetLayout } from '../../netfilter/set-layout.ts';
import { AttributeReader } from '../netlink/attribute-reader.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import { ELEMENT_INTERVAL_END, NFTA_DATA, NFTA_ELEMENT, NFTA_ELEMENT_LIST } from './attribute-type.ts';
import { decodeElementComment } from './userdata.ts';
import { decodeVerdict } from './verdict-codec.ts';

const NFGENMSG_LENGTH = 4;

/** An element as the kernel has it: an interval of single values is two of them. */
export interface KernelElement {
  readonly key: readonly Literal[];
  readonly bytes: Uint8Array;
  readonly keyEnd?: readonly Literal[];
  readonly value?: readonly Literal[] | Verdict;
  readonly end: boolean;
  readonly timeout?: number;
  readonly expires?: number;
  readonly comment?: string;
}

/** Reads NFT_MSG_NEWSETELEM: some of the elements of a set of this layout. */
export function decodeElements(message: NetlinkMessage, layout: SetLayout): KernelElement[] {
  const elements: KernelElement[] = [];
  const attributes = AttributeReader.ofMessage(message, NFGENMSG_LENGTH);
  while (attributes.next()) {
    if (attributes.type !== NFTA_ELEMENT_LIST.elements) continue;
    const list = attributes.nested();
    while (list.next()) {
      const element = decodeElement(list.nested(), layout);
      if (element !== undefined) elements.push(element);
    }
  }
  return elements;
}

/** All elements of a set, from all that the kernel has for it; those of a map have values. */
export function elementNodes(
  set: NamedSet | NamedMap,
  elements: readonly KernelElement[],
): (SetElement | MapElement)[] {
  const layout = layoutOf(set);
  if (layout.intervals === 'ends') return intervalNodes(set, layout, elements);
  return elements.map((element) => elementNode(set, element, element.keyEnd ?? element.key));
}

function elementNode(
  set: NamedSet | NamedMap,
  element: KernelElement,
  last: readonly Literal[],
): SetElement | MapElement {
  const node: SetElement = {
    key: element.key.map((literal, index) => span(literal, last[index] ?? literal)),
    ...(element.timeout !== undefined && { timeout: element.timeout }),
    ...(element.expires !== undefined && { expires: element.expires }),
    ...(element.comment !== undefined && { comment: element.comment }),
  };
  return isMap(set) && element.value !== undefined ? { ...node, value: element.value } : node;
}

/** An interval goes to the value before its end, or before the next one's start, or to the greatest of all. */
function intervalNodes(
  set: NamedSet | NamedMap,
  layout: SetLayout,
  elements: readonly KernelElement[],
): (SetElement | MapElement)[] {
  // At one value, the end of what lies before comes first.
  const ordered = [...elements].sort(
    (left, right) => Buffer.compare(left.bytes, right.bytes) || Number(right.end) - Number(left.end),
  );
  const [field] = layout.key.fields;
  return ordered.flatMap((element, index) => {
    if (element.end) return [];
    const next = ordered[index + 1]?.key[0];
    const last = next !== undefined ? before(next) : field && maximumOf(field.type);
    return [elementNode(set, element, last === undefined ? element.key : [last])];
  });
}

function span(first: Literal, last: Literal): Literal {
  return first === last ? first : canonicalLiteral({ kind: 'range', from: first, to: last });
}

function before(literal: Literal): Literal {
  if (literal.kind === 'address') return { kind: 'address', address: addToAddress(literal.address, -1) };
  return literal.kind === 'number' ? { kind: 'number', value: literal.value - 1 } : literal;
}

function decodeElement(attributes: AttributeReader, layout: SetLayout): KernelElement | undefined {
  let bytes: Uint8Array | undefined;
  let keyEnd: Uint8Array | undefined;
  let value: readonly Literal[] | Verdict | undefined;
  let end = false;
  let timeout: number | undefined;
  let expires: number | undefined;
  let comment: string | undefined;
  while (attributes.next()) {
    switch (attributes.type) {
      case NFTA_ELEMENT.key:
        bytes = valueBytes(attributes.nested());
        break;
      case NFTA_ELEMENT.keyEnd:
        keyEnd = valueBytes(attributes.nested());
        break;
      case NFTA_ELEMENT.data:
        value = decodeData(attributes.nested(), layout.value);
        break;
      case NFTA_ELEMENT.flags:
        end = (attributes.be32() & ELEMENT_INTERVAL_END) !== 0;
        break;
      case NFTA_ELEMENT.timeout:
        timeout = Number(attributes.be64());
        break;
      case NFTA_ELEMENT.expiration:
        expires = Number(attributes.be64());
        break;
      case NFTA_ELEMENT.userdata:
        comment = decodeElementComment(attributes.bytes());
        break;
    }
  }
  if (bytes === undefined) return undefined;
  return {
    key: readFields(bytes, layout.key),
    bytes,
    ...(keyEnd !== undefined && { keyEnd: readFields(keyEnd, layout.key) }),
    ...(value !== undefined && { value }),
    end,
    ...(timeout !== undefined && { timeout }),
    ...(expires !== undefined && { expires }),
    ...(comment !== undefined && { comment }),
  };
}

/** NFTA_DATA_VALUE, as bytes that outlive the message. */
function valueBytes(data: AttributeReader): Uint8Array | undefined {
  while (data.next()) if (data.type === NFTA_DATA.value) return data.copy();
  return undefined;
}

function decodeData(data: AttributeReader, layout: FieldLayouts | undefined): readonly Literal[] | Verdict | undefined {
  while (data.next()) {
    if (data.type === NFTA_DATA.verdict) return decodeVerdict(data.nested());
    if (data.type === NFTA_DATA.value && layout !== undefined) return readFields(data.bytes(), layout);
  }
  return undefined;
}
