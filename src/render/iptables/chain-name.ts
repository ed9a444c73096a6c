import { hash } from 'node:crypto';
import { type Address, formatAddress } from '../../address/address.ts';
import type { TransportProtocol } from '../../address/protocol.ts';

/** A port of a service as kube-proxy tells it from all others. */
export interface ServicePortIdentity {
  /** `NAMESPACE/NAME:PORT`, without the colon for an unnamed port. */
  readonly name: string;
  readonly protocol: TransportProtocol;
}

/**
 * What a chain of a service port is for: its endpoints under policy Cluster (SVC) or Local (SVL), who comes from
 * outside (EXT), or the sources that a load balancer lets in (FW).
 */
export type ServiceChainRole = 'SVC' | 'SVL' | 'EXT' | 'FW';

/** Bytes that are kept of a digest: with its prefix their 16 characters fit in the 28 that iptables allows. */
const DIGEST_BYTES = 10;

/** Name of a chain of a service port, as kube-proxy makes it: `KUBE-SVC-YK2SNH4V42VSDWIJ`. */
export function serviceChainName(role: ServiceChainRole, { name, protocol }: ServicePortIdentity): string {
  return `KUBE-${role}-${digestOf(`${name}${protocol}`)}`;
}

/** Name of the chain of one endpoint of a service port. */
export function endpointChainName(
  { name, protocol }: ServicePortIdentity,
  endpoint: { readonly address: Address; readonly port: number },
): string {
  return `KUBE-SEP-${digestOf(`${name}${protocol}${formatSocketAddress(endpoint)}`)}`;
}

/** A host port of a pod. */
export interface HostPortIdentity {
  /** `NAMESPACE/NAME` of the pod. */
  readonly name: string;
  readonly protocol: TransportProtocol;
  readonly hostIP?: Address;
  readonly hostPort: number;
}

/** Name of the chain of a host port: the prefix is the one that kubelet had, for the pods that it wired itself. */
export function hostPortChainName({ name, protocol, hostIP, hostPort }: HostPortIdentity): string {
  return `KUBE-HP-${digestOf(`${name} ${protocol} ${hostIP === undefined ? '' : formatAddress(hostIP)} ${hostPort}`)}`;
}

/** `10.244.0.7:80` or `[fd00::7]:80`. */
export function formatSocketAddress(endpoint: { readonly address: Address; readonly port: number }): string {
  const text = formatAddress(endpoint.address);
  return endpoint.address.family === 4 ? `${text}:${endpoint.port}` : `[${text}]:${endpoint.port}`;
}

function digestOf(text: string): string {
  return base32(hash('sha256', text, 'buffer').subarray(0, DIGEST_BYTES));
}

/** RFC 4648, section 6. */
const BASE32_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The Base 32 form of a multiple of five bytes. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32_ALPHABET[(held >> (bits - 5)) & 31] ?? '';
  }
  return text;
}
