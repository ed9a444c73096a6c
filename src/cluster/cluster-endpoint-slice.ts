import { tryParseAddress } from '../address/address.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL, type SliceEndpoint } from '../kube/objects/endpoint-slice.ts';
import { FindingList, type Parsed } from './cluster-finding.ts';
import type { ServiceEndpoint } from './cluster-state.ts';
import { isPort, protocolOf } from './field-values.ts';
import { shareText } from './shared-text.ts';

type EndpointPorts = ServiceEndpoint['ports'];

/** One EndpointSlice; its endpoints share one map of ports. */
export interface ClusterEndpointSlice {
  readonly namespace: string;
  readonly name: string;
  /** Name of the service, in the same namespace. */
  readonly service: string;
  readonly endpoints: readonly ServiceEndpoint[];
}

const NO_HINTS: readonly string[] = [];

/** What an EndpointSlice says. One of names (FQDN), one of no service, and one without ports has no value. */
export function parseClusterEndpointSlice(slice: EndpointSlice): Parsed<ClusterEndpointSlice> {
  const findings = new FindingList('EndpointSlice', slice.metadata);
  const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
  if (service === undefined || service === '' || slice.addressType === 'FQDN') return { findings: findings.all };
  const ports = portsOf(slice, findings);
  if (ports.size === 0) return { findings: findings.all };
  const family = slice.addressType === 'IPv4' ? 4 : 6;
  const endpoints = (slice.endpoints ?? []).flatMap((endpoint, index) => {
    // kube-proxy too takes the first only: what several would mean is left open by the API.
    const text = endpoint.addresses[0];
    const address = text === undefined ? undefined : tryParseAddress(text);
    if (address?.family === family) return [{ address, ports, ...factsOf(endpoint) }];
    findings.add(`endpoints[${index}].addresses[0]`, `${JSON.stringify(text)} is not an ${slice.addressType} address`);
    return [];
  });
  const { namespace = 'default', name } = slice.metadata;
  return { value: { namespace, name, service, endpoints }, findings: findings.all };
}

function factsOf({ conditions, nodeName, zone, hints }: SliceEndpoint): Omit<ServiceEndpoint, 'address' | 'ports'> {
  const ready = conditions?.ready ?? true;
  return {
    ...(nodeName ? { node: shareText(nodeName) } : {}),
    ...(zone ? { zone: shareText(zone) } : {}),
    ready,
    serving: conditions?.serving ?? ready,
    terminating: conditions?.terminating ?? false,
    zoneHints: hints?.forZones?.map(({ name }) => name) ?? NO_HINTS,
    nodeHints: hints?.forNodes?.map(({ name }) => name) ?? NO_HINTS,
  };
}

function portsOf(slice: EndpointSlice, findings: FindingList): EndpointPorts {
  const ports = new Map<string, { port: number; protocol: 'tcp' | 'udp' | 'sctp' }>();
  for (const [index, { name, port, protocol: protocolText }] of (slice.ports ?? []).entries()) {
    const protocol = protocolOf(protocolText);
    if (protocol === undefined)
      findings.add(`ports[${index}].protocol`, `${JSON.stringify(protocolText)} is not TCP, UDP or SCTP`);
    // Without a port the slice means every port, to which no service can translate.
    else if (isPort(port)) ports.set(name ?? '', { port, protocol });
  }
  return ports;
}
