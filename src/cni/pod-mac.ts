import { createHash } from 'node:crypto';
import { type Address, addressToBytes } from '../address/address.ts';
import { type Mac, macFromBytes } from '../address/mac.ts';

/** Locally administered, and what other plugins use for pods too, so that people know it. */
const POD_MAC_PREFIX = [0x0a, 0x58];

/**
 * The MAC of a pod's interface: 0a:58 and the four bytes of its IPv4 address, or of a hash of its only, IPv6 address. A
 * pod that gets an address again is known by the same MAC, and no neighbour's cache goes stale.
 */
export function derivePodMac(addresses: readonly Address[]): Mac {
  const address = addresses.find(({ family }) => family === 4) ?? addresses[0];
  const bytes = address === undefined ? new Uint8Array(4) : addressToBytes(address);
  const tail = bytes.length === 4 ? bytes : createHash('sha256').update(bytes).digest().subarray(0, 4);
  return macFromBytes(Uint8Array.from([...POD_MAC_PREFIX, ...tail]));
}
