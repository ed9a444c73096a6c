import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';
import type { TransportProtocol } from '../address/protocol.ts';

/** One `portMappings` entry of the runtime's capability arguments. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: TransportProtocol;
  /** Absent: every address of the host. */
  readonly hostIP?: Address;
}

/** The `bandwidth` capability: bits a second and bits. */
export interface BandwidthLimit {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
}

export type Wiring = 'point-to-point' | 'bridge';

/** One pod interface on this node, as CNI ADD wrote it down: the truth about the node's own pods. */
export interface Attachment {
  readonly containerId: string;
  readonly interfaceName: string;
  /** Name of the CNI network. */
  readonly network: string;
  /** Path of the pod's network namespace. */
  readonly namespacePath: string;
  /** One a family, of the node's own pod prefixes. */
  readonly addresses: readonly Address[];
  /** Name of the host's end of the veth pair. */
  readonly hostLink: string;
  /** Of the pod's interface. */
  readonly mac: Mac;
  readonly wiring: Wiring;
  /** Bytes. */
  readonly mtu: number;
  /** From CNI_ARGS, where the runtime says so. */
  readonly pod?: { readonly namespace?: string; readonly name: string; readonly uid?: string };
  readonly portMappings: readonly PortMapping[];
  readonly bandwidth?: BandwidthLimit;
  /** The pod asked to be let send from any address (annotation `flatnet.io/allow-spoofing: "true"`). */
  readonly allowSpoofing?: boolean;
}
