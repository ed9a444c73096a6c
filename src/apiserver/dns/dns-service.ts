import { formatAddress, tryParseAddress } from '../../address/address.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL } from '../../kube/objects/endpoint-slice.ts';
import type { Service } from '../../kube/objects/service.ts';

/** What names need to know of a Service. */
export interface DnsService {
  readonly namespace: string;
  readonly name: string;
  /** Canonical; none for a headless service. */
  readonly clusterAddresses: readonly string[];
  readonly externalName?: string;
  readonly ports: readonly DnsPort[];
}

export interface DnsPort {
  readonly name: string;
  /** In lower case. */
  readonly protocol: string;
  readonly port: number;
}

/** What names need to know of an EndpointSlice: its endpoints that are ready. */
export interface DnsSlice {
  /** `NAMESPACE/NAME` of the service. */
  readonly service: string;
  readonly ports: readonly DnsPort[];
  readonly endpoints: readonly DnsEndpoint[];
}

export interface DnsEndpoint {
  /** Canonical. */
  readonly address: string;
  /** The label under which it is found below its service. */
  readonly hostname: string;
}

export function parseDnsService({ metadata, spec = {} }: Service): DnsService {
  const { namespace = 'default', name } = metadata;
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const isName = spec.type === 'ExternalName' && spec.externalName;
  return {
    namespace,
    name,
    clusterAddresses: clusterIPs.flatMap(canonicalAddress),
    ...(isName ? { externalName: spec.externalName.replace(/\.$/, '').toLowerCase() } : {}),
    ports: (spec.ports ?? []).map(({ name: port = '', protocol = 'TCP', port: number }) => ({
      name: port.toLowerCase(),
      protocol: protocol.toLowerCase(),
      port: number,
    })),
  };
}

/** Undefined for a slice of no service, or of names. */
export function parseDnsSlice({ metadata, addressType, ports, endpoints }: EndpointSlice): DnsSlice | undefined {
  const service = metadata.labels?.[SERVICE_NAME_LABEL];
  if (service === undefined || addressType === 'FQDN') return undefined;
  return {
    service: `${metadata.namespace}/${service}`,
    ports: (ports ?? []).flatMap(({ name, protocol, port }) =>
      port ? [{ name: (name ?? '').toLowerCase(), protocol: (protocol ?? 'TCP').toLowerCase(), port }] : [],
    ),
    endpoints: (endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses, hostname }) =>
        addresses
          .flatMap(canonicalAddress)
          .map((address) => ({ address, hostname: hostname?.toLowerCase() ?? dashedAddress(address) })),
      ),
  };
}

function canonicalAddress(text: string): readonly string[] {
  const address = tryParseAddress(text);
  return address === undefined ? [] : [formatAddress(address)];
}

/** An address as one label: `10-244-0-7`, `fd00--7`. */
export function dashedAddress(address: string): string {
  return address.replace(/[.:]/g, '-');
}

/** Undoes dashedAddress. */
export function parseDashedAddress(label: string): string | undefined {
  const address = tryParseAddress(label.replace(/-/g, '.')) ?? tryParseAddress(label.replace(/-/g, ':'));
  return address === undefined ? undefined : formatAddress(address);
}
