import { type Address, addressFromBytes, addressToBytes, formatAddress } from '../../address/address.ts';
import { familyOfLinux, linuxFamily } from '../../address/family.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';

/** One end of a conversation: an address and a TCP or UDP port. */
export interface SocketAddress {
  readonly address: Address;
  readonly port: number;
}

/** sizeof(struct sockaddr_in) and sizeof(struct sockaddr_in6) (`netinet/in.h`). */
const LENGTHS = { 4: 16, 6: 28 } as const;
/** Where the address stands in each of them: after family and port; for IPv6 after the flow label too. */
const ADDRESS_OFFSETS = { 4: 4, 6: 8 } as const;

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** `struct sockaddr_in` or `sockaddr_in6`: the family in host byte order, port and address in network byte order. */
export function encodeSocketAddress({ address, port }: SocketAddress): Uint8Array {
  const bytes = new Uint8Array(LENGTHS[address.family]);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, linuxFamily(address.family), littleEndian);
  view.setUint16(2, port);
  bytes.set(addressToBytes(address), ADDRESS_OFFSETS[address.family]);
  return bytes;
}

/** Reads what encodeSocketAddress writes. @throws FlatnetError `unsupported` for families other than AF_INET and AF_INET6 */
export function decodeSocketAddress(bytes: Uint8Array): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = view.getUint16(0, littleEndian);
  const family = familyOfLinux(number);
  if (family === undefined)
    throw new FlatnetError({
      operation: 'read socket address',
      code: 'unsupported',
      message: `address family ${number} is neither AF_INET nor AF_INET6`,
    });
  const start = ADDRESS_OFFSETS[family];
  const address = addressFromBytes(bytes.subarray(start, start + (family === 4 ? 4 : 16)));
  return { address, port: view.getUint16(2) };
}

/** `ADDRESS:PORT`, with brackets around an IPv6 address. */
export function formatSocketAddress({ address, port }: SocketAddress): string {
  const text = formatAddress(address);
  return address.family === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}
