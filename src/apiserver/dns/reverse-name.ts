import { addressFromBytes, formatAddress } from '../../address/address.ts';

/** The address that a name of in-addr.arpa (RFC 1035) or ip6.arpa (RFC 3596) stands for, canonical; else undefined. */
export function parseReverseName(name: string): string | undefined {
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (four !== null) {
    const bytes = four.slice(1).reverse().map(Number);
    return bytes.every((byte) => byte < 256) ? formatAddress(addressFromBytes(Uint8Array.from(bytes))) : undefined;
  }
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  if (six === null) return undefined;
  const digits = (six[1] ?? '').split('.').reverse().join('');
  return formatAddress(addressFromBytes(Buffer.from(digits, 'hex')));
}
