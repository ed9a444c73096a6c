import { FlatnetError } from '../error/flatnet-error.ts';

/** An Ethernet address as lower-case `aa:bb:cc:dd:ee:ff`. */
export type Mac = string;

/** Parses `aa:bb:cc:dd:ee:ff` in any case. @throws FlatnetError `invalid` */
export function parseMac(text: string): Mac {
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) return text.toLowerCase();
  throw new FlatnetError({
    operation: 'parse MAC',
    code: 'invalid',
    message: `${JSON.stringify(text)} is not an Ethernet address`,
    remedy: 'write it like 0a:58:0a:f4:00:07',
  });
}

/** The six bytes of a MAC. */
export function macToBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
}

/** A MAC from its bytes. */
export function macFromBytes(bytes: Uint8Array): Mac {
  let mac = '';
  for (const byte of bytes) mac += mac === '' ? HEXADECIMAL[byte] : `:${HEXADECIMAL[byte]}`;
  return mac;
}

/** Every byte in two digits: a link that is told of bears a MAC, and there are many. */
const HEXADECIMAL = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
