import type { Address } from '../address/address.ts';

/** A way to somebody that is meant to be there beside the three rules: a published port, say. */
export interface DeclaredPath {
  readonly name: string;
  /** Who sends: `pod/NAMESPACE/NAME` or `node/NAME`. */
  readonly from: string;
  readonly protocol: 'tcp' | 'udp';
  /** Where it sends to. */
  readonly address: Address;
  readonly port: number;
  /** Who is to get it. */
  readonly to: string;
}
