import { parseAddress } from '../address/address.ts';
import { hostPrefix, type Prefix } from '../address/prefix.ts';
import type { Service, ServiceSpec } from '../kube/objects/service.ts';
import { FindingList, type Parsed } from './cluster-finding.ts';
import type { ClusterService, ServicePort } from './cluster-state.ts';
import { addressesOf, isPort, prefixesOf, protocolOf } from './field-values.ts';

/** Seconds, as the API fills in (v1 `ClientIPConfig`). */
const DEFAULT_AFFINITY_TIMEOUT = 10_800;

/** The sources that no packet has: what a filter of nothing but unreadable ranges lets in. */
const NOBODY: readonly Prefix[] = [hostPrefix(parseAddress('0.0.0.0')), hostPrefix(parseAddress('::'))];

/** What a Service with virtual addresses says; of a headless or ExternalName service, nothing. */
export function parseClusterService(service: Service): Parsed<ClusterService> {
  const findings = new FindingList('Service', service.metadata);
  const { spec } = service;
  if (spec === undefined || spec.type === 'ExternalName' || !hasVirtualAddress(spec)) return { findings: findings.all };
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const clusterAddresses = addressesOf(clusterIPs, 'spec.clusterIPs', findings);
  const isBalanced = spec.type === 'LoadBalancer';
  const isExposed = isBalanced || spec.type === 'NodePort';
  const affinity = spec.sessionAffinity === 'ClientIP';
  return {
    value: {
      namespace: service.metadata.namespace ?? 'default',
      name: service.metadata.name,
      clusterAddresses,
      externalAddresses: addressesOf(spec.externalIPs ?? [], 'spec.externalIPs', findings),
      loadBalancer: isBalanced ? ingressOf(service, findings) : [],
      sourceRanges: isBalanced ? sourceRangesOf(spec, findings) : [],
      ports: portsOf(spec, isExposed, findings),
      ...(affinity
        ? { affinityTimeout: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_TIMEOUT }
        : {}),
      internalPolicy: spec.internalTrafficPolicy ?? 'Cluster',
      externalPolicy: spec.externalTrafficPolicy ?? 'Cluster',
      ...(spec.healthCheckNodePort ? { healthCheckNodePort: spec.healthCheckNodePort } : {}),
      publishNotReady: spec.publishNotReadyAddresses ?? false,
      ...(spec.trafficDistribution ? { trafficDistribution: spec.trafficDistribution } : {}),
    },
    findings: findings.all,
  };
}

function hasVirtualAddress(spec: ServiceSpec): boolean {
  const [first = spec.clusterIP] = spec.clusterIPs ?? [];
  return first !== undefined && first !== '' && first !== 'None';
}

function ingressOf(service: Service, findings: FindingList): ClusterService['loadBalancer'] {
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode = 'VIP' }, index) =>
    addressesOf(ip ? [ip] : [], `status.loadBalancer.ingress[${index}].ip`, findings).map((address) => ({
      address,
      mode: ipMode,
    })),
  );
}

/** Ranges that cannot be read must not open a service that somebody meant to restrict. */
function sourceRangesOf(spec: ServiceSpec, findings: FindingList): readonly Prefix[] {
  const texts = spec.loadBalancerSourceRanges ?? [];
  const ranges = prefixesOf(texts, 'spec.loadBalancerSourceRanges', findings);
  return texts.length > 0 && ranges.length === 0 ? NOBODY : ranges;
}

function portsOf(spec: ServiceSpec, isExposed: boolean, findings: FindingList): readonly ServicePort[] {
  return (spec.ports ?? []).flatMap(({ name = '', protocol: protocolText, port, nodePort }, index) => {
    const protocol = protocolOf(protocolText);
    if (protocol === undefined) {
      findings.add(`spec.ports[${index}].protocol`, `${JSON.stringify(protocolText)} is not TCP, UDP or SCTP`);
      return [];
    }
    if (!isPort(port)) {
      findings.add(`spec.ports[${index}].port`, `${port} is not a port`);
      return [];
    }
    return [{ name, protocol, port, ...(isExposed && isPort(nodePort) ? { nodePort } : {}) }];
  });
}
