import type { RuntimePod } from './pod-spec.ts';

/** How names resolve in a cluster. */
export interface ClusterDns {
  /** Addresses of the cluster's name servers; none: pods resolve as their hosts do. */
  readonly servers: readonly string[];
  /** `cluster.local` */
  readonly domain: string;
}

/** The name that a pod knows itself by. */
export function hostnameOf({ metadata, spec }: RuntimePod): string {
  return spec.hostname ?? metadata.name.slice(0, 63).replace(/[.-]+$/, '');
}

/** A pod's /etc/hosts. */
export function renderHostsFile(pod: RuntimePod, addresses: readonly string[], domain: string): string {
  const { metadata, spec } = pod;
  const name = hostnameOf(pod);
  const full = spec.subdomain === undefined ? [] : [`${name}.${spec.subdomain}.${metadata.namespace}.svc.${domain}`];
  return [
    "# The pod's own hosts file.",
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...addresses.map((address) => [address, ...full, name].join('\t')),
    ...(spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => [ip, ...hostnames].join('\t')),
    '',
  ].join('\n');
}

/** A pod's /etc/resolv.conf; undefined where the pod resolves as its host does (`dnsPolicy`). */
export function renderResolverFile(pod: RuntimePod, dns: ClusterDns): string | undefined {
  const { dnsPolicy = 'ClusterFirst', dnsConfig = {}, hostNetwork = false } = pod.spec;
  const ofHost = dnsPolicy === 'Default' || (dnsPolicy === 'ClusterFirst' && hostNetwork);
  const ofCluster = !ofHost && dnsPolicy !== 'None' && dns.servers.length > 0;
  if (!ofCluster && dnsPolicy !== 'None') return undefined;
  const { domain } = dns;
  const servers = [...(ofCluster ? dns.servers : []), ...(dnsConfig.nameservers ?? [])];
  const searches = ofCluster ? [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain] : [];
  searches.push(...(dnsConfig.searches ?? []));
  const options = new Map(ofCluster ? [['ndots', '5']] : []);
  for (const { name, value = '' } of dnsConfig.options ?? []) options.set(name, value);
  const optionTexts = [...options].map(([name, value]) => (value === '' ? name : `${name}:${value}`));
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...(optionTexts.length > 0 ? [`options ${optionTexts.join(' ')}`] : []),
    '',
  ].join('\n');
}
