import { createHash } from 'node:crypto';
import type { ServiceSpec } from './cluster-dump.ts';
import type { IptablesDump } from './iptables-dump.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** What kube-proxy calls the chain of a service port, or with `endpoint` of one of its endpoints. */
export function chainName(kind: 'SVC' | 'EXT' | 'SEP', { namespace, name }: ServiceSpec, endpoint = ''): string {
  const digest = createHash('sha256').update(`${namespace}/${name}tcp${endpoint}`).digest();
  let bits = '';
  for (const byte of digest.subarray(0, 10)) bits += byte.toString(2).padStart(8, '0');
  const letters = Array.from({ length: 16 }, (_, at) => ALPHABET[Number.parseInt(bits.slice(at * 5, at * 5 + 5), 2)]);
  return `KUBE-${kind}-${letters.join('')}`;
}

/** The rules of kube-proxy in mode iptables, which detects local traffic by the cluster's range. */
export function addKubeProxy(
  dump: IptablesDump,
  services: readonly ServiceSpec[],
  clusterCidr = '10.244.0.0/16',
): void {
  dump.add(
    'nat',
    'PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    'OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    'POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    'KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    'KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    'KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
    'KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
  );
  dump.chains('nat', 'KUBE-KUBELET-CANARY', 'KUBE-PROXY-CANARY', 'KUBE-NODEPORTS', 'KUBE-SERVICES');
  for (const service of services) addService(dump, service, clusterCidr);
  dump.add(
    'nat',
    'KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
  );
  addFilters(dump, services);
}

function addService(dump: IptablesDump, service: ServiceSpec, clusterCidr: string): void {
  const { namespace, name, clusterIp, port, nodePort, affinity, endpoints } = service;
  if (endpoints.length === 0) return;
  const title = `${namespace}/${name}`;
  const [svc, ext] = [chainName('SVC', service), chainName('EXT', service)];
  const front = `-d ${clusterIp}/32 -p tcp -m comment --comment "${title} cluster IP" -m tcp --dport ${port}`;
  dump.add('nat', `KUBE-SERVICES ${front} -j ${svc}`, `${svc} ! -s ${clusterCidr} ${front} -j KUBE-MARK-MASQ`);
  if (nodePort !== undefined)
    dump.add(
      'nat',
      `KUBE-NODEPORTS -d 127.0.0.0/8 -p tcp -m comment --comment "${title}" -m tcp --dport ${nodePort} -m nfacct --nfacct-name localhost_nps_accepted_pkts -j ${ext}`,
      `KUBE-NODEPORTS -p tcp -m comment --comment "${title}" -m tcp --dport ${nodePort} -j ${ext}`,
      `${ext} -m comment --comment "masquerade traffic for ${title} external destinations" -j KUBE-MARK-MASQ`,
      `${ext} -j ${svc}`,
    );
  const chains = endpoints.map((endpoint) => {
    const place = `${endpoint.address}:${endpoint.port}`;
    return { ...endpoint, place, chain: chainName('SEP', service, place) };
  });
  for (const { chain, place } of affinity === undefined ? [] : chains)
    dump.add(
      'nat',
      `${svc} -m comment --comment "${title} -> ${place}" -m recent --rcheck --seconds ${affinity} --reap --name ${chain} --mask 255.255.255.255 --rsource -j ${chain}`,
    );
  for (const [index, { chain, place, address }] of chains.entries()) {
    const rest = chains.length - index;
    const chance = rest === 1 ? '' : ` -m statistic --mode random --probability ${(1 / rest).toFixed(11)}`;
    const note = affinity === undefined ? '' : ` -m recent --set --name ${chain} --mask 255.255.255.255 --rsource`;
    dump.add(
      'nat',
      `${svc} -m comment --comment "${title} -> ${place}"${chance} -j ${chain}`,
      `${chain} -s ${address}/32 -m comment --comment "${title}" -j KUBE-MARK-MASQ`,
      `${chain} -p tcp -m comment --comment "${title}"${note} -m tcp -j DNAT --to-destination ${place}`,
    );
  }
}

function addFilters(dump: IptablesDump, services: readonly ServiceSpec[]): void {
  const fresh = '-m conntrack --ctstate NEW -m comment --comment';
  dump.add(
    'filter',
    `INPUT ${fresh} "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL`,
    'INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS',
    `INPUT ${fresh} "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES`,
    'INPUT -j KUBE-FIREWALL',
    `FORWARD ${fresh} "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL`,
    'FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    `FORWARD ${fresh} "kubernetes service portals" -j KUBE-SERVICES`,
    `FORWARD ${fresh} "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES`,
    `OUTPUT ${fresh} "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL`,
    `OUTPUT ${fresh} "kubernetes service portals" -j KUBE-SERVICES`,
    'OUTPUT -j KUBE-FIREWALL',
    'KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
    'KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP',
    'KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
    'KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  );
  dump.chains('filter', 'KUBE-EXTERNAL-SERVICES', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL', 'KUBE-SERVICES');
  for (const { namespace, name, clusterIp, port, nodePort } of services.filter(
    ({ endpoints }) => endpoints.length === 0,
  )) {
    const refused = `-m comment --comment "${namespace}/${name} has no endpoints" -m tcp`;
    dump.add(
      'filter',
      `KUBE-SERVICES -d ${clusterIp}/32 -p tcp ${refused} --dport ${port} -j REJECT --reject-with icmp-port-unreachable`,
    );
    if (nodePort !== undefined)
      dump.add(
        'filter',
        `KUBE-EXTERNAL-SERVICES -p tcp -m addrtype --dst-type LOCAL ${refused} --dport ${nodePort} -j REJECT --reject-with icmp-port-unreachable`,
      );
  }
}
