import { type Address, formatAddress, tryParseAddress } from '../address/address.ts';
import { FAMILIES, type Family } from '../address/family.ts';
import { type Mac, parseMac } from '../address/mac.ts';

/** Node annotations by which flannel's nodes tell each other of themselves (flannel, pkg/subnet/kube/annotations.go). */
const PREFIX = 'flannel.alpha.coreos.com/';
const MANAGED = `${PREFIX}kube-subnet-manager`;
const TYPE = `${PREFIX}backend-type`;
const DATA: Readonly<Record<Family, string>> = { 4: `${PREFIX}backend-data`, 6: `${PREFIX}backend-v6-data` };
const PUBLIC: Readonly<Record<Family, string>> = { 4: `${PREFIX}public-ip`, 6: `${PREFIX}public-ipv6` };

/** The tunnel endpoint of a node in one family. */
export interface TunnelEndpoint {
  readonly family: Family;
  /** Underlay address that encapsulated packets go to. */
  readonly remote: Address;
  readonly vni: number;
  readonly mac: Mac;
}

/** What a node's flannel annotations say. */
export interface FlannelAnnouncement {
  /** `vxlan`, `host-gw`, or a type that we don't speak. */
  readonly type: string;
  readonly addresses: readonly Address[];
  /** For `vxlan`, at most one a family. */
  readonly endpoints: readonly TunnelEndpoint[];
}

/** The annotations of a node, in flannel's own format; a host-gw node has no data and says so, as flannel does. */
export function formatFlannelAnnotations({ type, addresses, endpoints }: FlannelAnnouncement): Record<string, string> {
  const annotations: Record<string, string> = { [MANAGED]: 'true', [TYPE]: type, [DATA[4]]: 'null' };
  for (const address of addresses) annotations[PUBLIC[address.family]] = formatAddress(address);
  for (const { family, vni, mac } of endpoints) annotations[DATA[family]] = JSON.stringify({ VNI: vni, VtepMAC: mac });
  return annotations;
}

/** What the annotations of a node say; undefined where they aren't flannel's. Data that can't be read counts as absent. */
export function parseFlannelAnnotations(
  annotations: Readonly<Record<string, string>>,
): FlannelAnnouncement | undefined {
  const type = annotations[TYPE];
  if (type === undefined || annotations[MANAGED] !== 'true') return undefined;
  const addresses = FAMILIES.flatMap((family) => {
    const address = tryParseAddress(annotations[PUBLIC[family]] ?? '');
    return address?.family === family ? [address] : [];
  });
  const endpoints = addresses.flatMap((remote) => parseEndpoint(remote, annotations[DATA[remote.family]]));
  return { type, addresses, endpoints: type === 'vxlan' ? endpoints : [] };
}

function parseEndpoint(remote: Address, text: string | undefined): readonly TunnelEndpoint[] {
  try {
    const data: unknown = JSON.parse(text ?? 'null');
    if (typeof data !== 'object' || data === null || !('VNI' in data) || !('VtepMAC' in data)) return [];
    if (typeof data.VNI !== 'number' || typeof data.VtepMAC !== 'string') return [];
    return [{ family: remote.family, remote, vni: data.VNI, mac: parseMac(data.VtepMAC) }];
  } catch {
    return [];
  }
}
