import { FlatnetError } from '../../error/flatnet-error.ts';
import { isMapElement, isVerdict } from '../../netfilter/element-key.ts';
import { firstLiteral, lastLiteral } from '../../netfilter/literal-bytes.ts';
import type { Literal, MapElement, NamedMap, NamedSet, SetElement } from '../../netfilter/node.ts';
import { layoutOf, type SetLayout, writeFields } from '../../netfilter/set-layout.ts';
import type { MessageBuilder } from '../netlink/message-builder.ts';
import { ELEMENT_INTERVAL_END, NFTA_DATA, NFTA_ELEMENT, NFTA_LIST_ELEM } from './attribute-type.ts';
import { encodeElementComment } from './userdata.ts';
import { encodeVerdict } from './verdict-codec.ts';

/** Writes elements of one set into lists of them. */
export class ElementEncoder {
  readonly #set: NamedSet | NamedMap;
  readonly #layout: SetLayout;
  /** Room for one key and one value, filled anew for every element. */
  readonly #key: Uint8Array;
  readonly #value: Uint8Array;

  constructor(set: NamedSet | NamedMap) {
    this.#set = set;
    this.#layout = layoutOf(set);
    this.#key = new Uint8Array(this.#layout.key.bytes);
    this.#value = new Uint8Array(this.#layout.value?.bytes ?? 0);
  }

  /**
   * Writes an element, an interval of single values as two.
   * @param whole false to name it only, for its removal
   * @throws FlatnetError `invalid` where it is no element of this set
   */
  encode(builder: MessageBuilder, element: SetElement | MapElement, whole: boolean): void {
    if (element.key.length !== this.#layout.key.fields.length)
      throw this.#refused(
        `an element has ${element.key.length} parts in its key, and the set has ${this.#layout.key.fields.length}`,
      );
    switch (this.#layout.intervals) {
      case 'points': {
        const nest = this.#begin(builder, NFTA_ELEMENT.key, element.key);
        this.#finish(builder, nest, element, whole);
        return;
      }
      case 'fields': {
        this.#checkOrder(element.key);
        const nest = this.#begin(builder, NFTA_ELEMENT.key, element.key.map(firstLiteral));
        this.#writeKey(builder, NFTA_ELEMENT.keyEnd, element.key.map(lastLiteral));
        this.#finish(builder, nest, element, whole);
        return;
      }
      case 'ends': {
        const nest = this.#begin(builder, NFTA_ELEMENT.key, element.key.map(firstLiteral));
        this.#finish(builder, nest, element, whole);
        this.#encodeEnd(builder, element.key.map(lastLiteral));
        return;
      }
    }
  }

  /** The kernel compares concatenated fields byte by byte, so that those in host byte order have no ranges. */
  #checkOrder(key: readonly Literal[]): void {
    for (const [index, { type }] of this.#layout.key.fields.entries())
      if (key[index]?.kind === 'range' && type.order === 'host' && type.bytes > 1)
        throw this.#refused(`a range of ${type.type} has no place in a concatenation`);
  }

  #begin(builder: MessageBuilder, type: number, key: readonly Literal[]): number {
    const nest = builder.beginNest(NFTA_LIST_ELEM);
    this.#writeKey(builder, type, key);
    return nest;
  }

  #writeKey(builder: MessageBuilder, type: number, key: readonly Literal[]): void {
    writeFields(this.#key, this.#layout.key, key);
    const nest = builder.beginNest(type);
    builder.attribute(NFTA_DATA.value, this.#key).endNest(nest);
  }

  #finish(builder: MessageBuilder, nest: number, element: SetElement | MapElement, whole: boolean): void {
    if (whole) {
      if (element.timeout !== undefined) builder.be64(NFTA_ELEMENT.timeout, element.timeout);
      if (element.comment !== undefined)
        builder.attribute(NFTA_ELEMENT.userdata, encodeElementComment(element.comment));
      this.#writeValue(builder, element);
    }
    builder.endNest(nest);
  }

  #writeValue(builder: MessageBuilder, element: SetElement | MapElement): void {
    const { value: layout, verdicts } = this.#layout;
    if (!isMapElement(element)) {
      if (layout !== undefined || verdicts) throw this.#refused('an element of a map has no value');
      return;
    }
    const nest = builder.beginNest(NFTA_ELEMENT.data);
    if (isVerdict(element.value)) {
      if (!verdicts || element.value.kind === 'queue')
        throw this.#refused(`the map takes no verdict ${element.value.kind}`);
      encodeVerdict(builder, element.value);
    } else {
      if (layout === undefined || element.value.length !== layout.fields.length)
        throw this.#refused(`an element's value has ${element.value.length} parts`);
      writeFields(this.#value, layout, element.value);
      builder.attribute(NFTA_DATA.value, this.#value);
    }
    builder.endNest(nest);
  }

  /** The element after the last of an interval; there is none after the greatest value of all. */
  #encodeEnd(builder: MessageBuilder, last: readonly Literal[]): void {
    writeFields(this.#key, this.#layout.key, last);
    let index = this.#key.length - 1;
    while (index >= 0 && this.#key[index] === 0xff) this.#key[index--] = 0;
    if (index < 0) return;
    this.#key[index] = (this.#key[index] ?? 0) + 1;
    const element = builder.beginNest(NFTA_LIST_ELEM);
    builder.be32(NFTA_ELEMENT.flags, ELEMENT_INTERVAL_END);
    const nest = builder.beginNest(NFTA_ELEMENT.key);
    builder.attribute(NFTA_DATA.value, this.#key).endNest(nest).endNest(element);
  }

  #refused(message: string): FlatnetError {
    return new FlatnetError({ operation: `encode element of @${this.#set.name}`, code: 'invalid', message });
  }
}
