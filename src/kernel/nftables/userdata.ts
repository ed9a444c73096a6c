/**
 * What nft keeps for itself beside sets, elements and rules: type, length and value, a byte each but the value
 * (libnftnl's udata.h; the numbers are in nftables' own headers and never change).
 */
const RULE_COMMENT = 0;
const ELEMENT_COMMENT = 0;
const SET_KEY_BYTEORDER = 0;
const SET_DATA_BYTEORDER = 1;
const SET_MERGE_ELEMENTS = 2;
const SET_COMMENT = 7;

/** nftables' enum byteorder. */
const BYTEORDERS = { host: 1, big: 2 } as const;

export interface SetUserdata {
  readonly keyOrder: 'host' | 'big';
  readonly dataOrder?: 'host' | 'big';
  readonly autoMerge: boolean;
  readonly comment?: string;
}

function text(type: number, value: string): number[] {
  const bytes = Buffer.from(`${value}\0`);
  return [type, bytes.length, ...bytes];
}

function number(type: number, value: number): number[] {
  return [type, 4, value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

export function encodeSetUserdata({ keyOrder, dataOrder, autoMerge, comment }: SetUserdata): Uint8Array {
  return Uint8Array.from([
    ...number(SET_KEY_BYTEORDER, BYTEORDERS[keyOrder]),
    ...(dataOrder === undefined ? [] : number(SET_DATA_BYTEORDER, BYTEORDERS[dataOrder])),
    ...(autoMerge ? number(SET_MERGE_ELEMENTS, 1) : []),
    ...(comment === undefined ? [] : text(SET_COMMENT, comment)),
  ]);
}

/** What of a set's userdata matters to its declaration. */
export function decodeSetUserdata(bytes: Uint8Array): { readonly autoMerge: boolean; readonly comment?: string } {
  const entries = decode(bytes);
  const comment = entries.get(SET_COMMENT);
  return {
    autoMerge: entries.get(SET_MERGE_ELEMENTS)?.[0] === 1,
    ...(comment !== undefined && { comment: string(comment) }),
  };
}

export function encodeRuleComment(comment: string): Uint8Array {
  return Uint8Array.from(text(RULE_COMMENT, comment));
}

export function decodeRuleComment(bytes: Uint8Array): string | undefined {
  return optional(decode(bytes).get(RULE_COMMENT));
}

export function encodeElementComment(comment: string): Uint8Array {
  return Uint8Array.from(text(ELEMENT_COMMENT, comment));
}

export function decodeElementComment(bytes: Uint8Array): string | undefined {
  return optional(decode(bytes).get(ELEMENT_COMMENT));
}

function optional(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : string(bytes);
}

function string(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString();
}

function decode(bytes: Uint8Array): Map<number, Uint8Array> {
  const entries = new Map<number, Uint8Array>();
  let at = 0;
  for (;;) {
    const [type, length] = [bytes[at], bytes[at + 1]];
    if (type === undefined || length === undefined) return entries;
    entries.set(type, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
}
