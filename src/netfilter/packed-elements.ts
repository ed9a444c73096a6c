import type { Address } from '../address/address.ts';
import { swap16, swap32 } from '../address/byte-order.ts';
import type { Family } from '../address/family.ts';
import { isMapElement, isVerdict } from './element-key.ts';
import type { MapElement, NamedMap, NamedSet, SetElement } from './node.ts';
import { type FieldLayouts, layoutOf, readFields, type SetLayout, writeFields } from './set-layout.ts';

/** Elements of a set, as nodes or packed: both can be counted, gone through and cut. */
export type ElementList = readonly (SetElement | MapElement)[] | PackedElements;

/**
 * Elements of one set as they lie in the kernel's registers, key and value, a row of words each: a load of a hundred
 * thousand would be a million objects as nodes. There are no intervals, verdicts, timeouts and comments among them.
 */
export class PackedElements implements Iterable<SetElement | MapElement> {
  readonly layout: SetLayout;
  /** Words of 32 bits, in memory as they are in registers. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** Words of a row. */
  readonly stride: number;
  readonly length: number;

  constructor(layout: SetLayout, words: Uint32Array<ArrayBuffer>) {
    this.layout = layout;
    this.words = words;
    this.stride = strideOf(layout);
    this.length = words.length / this.stride;
  }

  /** Those from `from` to below `to`, as `Array.prototype.slice` has it for counts from the beginning. */
  slice(from: number, to = this.length): PackedElements {
    return new PackedElements(this.layout, this.words.subarray(from * this.stride, to * this.stride));
  }

  /** The element of a row. */
  at(index: number): SetElement | MapElement {
    const { key, value } = this.layout;
    const { buffer, byteOffset } = this.words;
    const size = this.stride * 4;
    const row = new Uint8Array(buffer, byteOffset + index * size, size);
    const element: SetElement = { key: readFields(row, key) };
    return value === undefined ? element : { ...element, value: readFields(row.subarray(key.bytes), value) };
  }

  /** The address that begins at a word of a row, at a fraction of the cost of `at`. */
  addressAt(index: number, word: number, family: Family): Address {
    const at = index * this.stride + word;
    if (family === 4) return { family, value: BigInt(swap32(this.words[at] ?? 0)) };
    let value = 0n;
    for (let next = at; next < at + 4; next++) value = (value << 32n) | BigInt(swap32(this.words[next] ?? 0));
    return { family, value };
  }

  /** The port in a word of a row. */
  portAt(index: number, word: number): number {
    return swap16(this.words[index * this.stride + word] ?? 0);
  }

  *[Symbol.iterator](): Generator<SetElement | MapElement> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }
}

/** Packs nodes. @throws RangeError for sets as ElementPacker, FlatnetError `invalid` for what is no element of the set */
export function packElements(set: NamedSet | NamedMap, elements: readonly (SetElement | MapElement)[]): PackedElements {
  const packer = new ElementPacker(set);
  for (const element of elements) packer.add(element);
  return packer.elements;
}

/** Elements of one set, one part after the other. */
export function joinElements(set: NamedSet | NamedMap, parts: readonly PackedElements[]): PackedElements {
  const words = new Uint32Array(parts.reduce((sum, part) => sum + part.words.length, 0));
  let at = 0;
  for (const part of parts) {
    words.set(part.words, at);
    at += part.words.length;
  }
  return new PackedElements(layoutOf(set), words);
}

/** Rows that there is room for at first. */
const FIRST_ROWS = 8;

/** How a number becomes a word: as it is, or with the bytes of two or four in network order. */
const AS_IS = 0;
const SWAPPED_16 = 1;
const SWAPPED_32 = 2;

/** Packs elements field by field: those of an element's key in their order, those of its value, then the next element's. */
export class ElementPacker {
  readonly #layout: SetLayout;
  readonly #stride: number;
  readonly #orders: readonly number[];
  #words: Uint32Array<ArrayBuffer>;
  #at = 0;
  #field = 0;

  /** @throws RangeError for intervals, verdicts, and keys that don't fill registers */
  constructor(set: NamedSet | NamedMap) {
    this.#layout = layoutOf(set);
    const { intervals, verdicts, key, value } = this.#layout;
    if (intervals !== 'points' || verdicts || (key.bytes | (value?.bytes ?? 0)) & 3)
      throw new RangeError(`elements of ${set.name} can't be packed`);
    this.#stride = strideOf(this.#layout);
    this.#orders = [key, value].flatMap((part) => part?.fields.map(orderOf) ?? []);
    this.#words = new Uint32Array(FIRST_ROWS * this.#stride);
  }

  number(value: number): this {
    const order = this.#begin();
    this.#words[this.#at++] = order === AS_IS ? value : order === SWAPPED_16 ? swap16(value) : swap32(value);
    return this;
  }

  address({ family, value }: Address): this {
    this.#begin();
    if (family === 4) this.#words[this.#at++] = swap32(Number(value));
    else
      for (let shift = 96n; shift >= 0n; shift -= 32n)
        this.#words[this.#at++] = swap32(Number((value >> shift) & 0xffff_ffffn));
    return this;
  }

  /** Words of a row. */
  get stride(): number {
    return this.#stride;
  }

  /** The next word of a row, in the order of its fields, as it lies in registers. */
  word(value: number): void {
    if (this.#at % this.#stride === 0) this.#reserve();
    this.#words[this.#at++] = value;
  }

  /** A whole element. @throws FlatnetError `invalid` where it is none of this set */
  add(element: SetElement | MapElement): this {
    const { key, value } = this.#layout;
    this.#reserve();
    const row = new Uint8Array(this.#words.buffer, this.#at * 4, this.#stride * 4);
    writeFields(row, key, element.key);
    if (value !== undefined && isMapElement(element) && !isVerdict(element.value))
      writeFields(row.subarray(key.bytes), value, element.value);
    this.#at += this.#stride;
    return this;
  }

  /** A row of another set's, or this one's, elements of the same layout. */
  copy({ words, stride }: PackedElements, index: number): this {
    this.#reserve();
    this.#words.set(words.subarray(index * stride, (index + 1) * stride), this.#at);
    this.#at += this.#stride;
    return this;
  }

  /** What has been packed: a window, good until the next element. */
  get elements(): PackedElements {
    return new PackedElements(this.#layout, this.#words.subarray(0, this.#at));
  }

  /** How the next field is written; before the first of an element, makes room for it. */
  #begin(): number {
    if (this.#field === this.#orders.length) this.#field = 0;
    if (this.#field === 0) this.#reserve();
    return this.#orders[this.#field++] ?? AS_IS;
  }

  #reserve(): void {
    if (this.#at + this.#stride <= this.#words.length) return;
    const old = this.#words;
    this.#words = new Uint32Array(old.length * 2);
    this.#words.set(old);
  }
}

function strideOf({ key, value }: SetLayout): number {
  return (key.bytes + (value?.bytes ?? 0)) / 4;
}

function orderOf({ type }: FieldLayouts['fields'][number]): number {
  if (type.order === 'host' || type.bytes === 1) return AS_IS;
  return type.bytes === 2 ? SWAPPED_16 : SWAPPED_32;
}
