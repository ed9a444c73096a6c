import type { ServiceSpec } from './cluster-dump.ts';

/**
 * How kube-proxy writes endpoints down: `chains` until 1.35, one each; `maps` from 1.36 on, where all endpoints of a service
 * stand in one rule, but for services whose clients stay with their endpoint, and a set holds who speaks to himself.
 */
export type NftablesLayout = 'chains' | 'maps';

/**
 * Table `ip kube-proxy` as `nft list ruleset` prints it. Names of chains have the same eight letters in place of a hash each.
 * @param clients of services with affinity, by the endpoint that they stay with (`ADDRESS:PORT`)
 */
export function kubeProxyTable(
  services: readonly ServiceSpec[],
  nodeAddress: string,
  layout: NftablesLayout,
  clients: ReadonlyMap<string, readonly string[]> = new Map(),
): string {
  const served = services.filter(({ endpoints }) => endpoints.length > 0);
  const refused = services.filter(({ endpoints }) => endpoints.length === 0);
  const front = ({ clusterIp, port }: ServiceSpec) => `${clusterIp} . tcp . ${port}`;
  const selves = served.flatMap(({ endpoints }) =>
    endpoints.map(({ address, port }) => `${address} . ${address} . tcp . ${port}`),
  );
  const blocks = [
    set(
      'cluster-ips',
      'ipv4_addr',
      'Active ClusterIPs',
      services.map(({ clusterIp }) => clusterIp),
    ),
    set('nodeport-ips', 'ipv4_addr', 'IPs that accept NodePort traffic', [nodeAddress]),
    ...(layout === 'maps'
      ? [
          set('hairpin-connections', 'ipv4_addr . ipv4_addr . inet_proto . inet_service', 'hairpin connections', [
            ...new Set(selves),
          ]),
        ]
      : []),
    ...served.flatMap((service) => (service.affinity === undefined ? [] : affinitySets(service, clients))),
    map('firewall-ips', FRONT, 'destinations that are subject to LoadBalancerSourceRanges', []),
    map(
      'no-endpoint-services',
      FRONT,
      'vmap to drop or reject packets to services with no endpoints',
      refused.map((service) => `${front(service)} comment "${service.namespace}/${service.name}" : goto reject-chain`),
    ),
    map(
      'no-endpoint-nodeports',
      'inet_proto . inet_service',
      'vmap to drop or reject packets to service nodeports with no endpoints',
      [],
    ),
    map(
      'service-ips',
      FRONT,
      'ClusterIP, ExternalIP and LoadBalancer IP traffic',
      served.map((service) => `${front(service)} : goto ${serviceChain('service', service)}`),
    ),
    map(
      'service-nodeports',
      'inet_proto . inet_service',
      'NodePort traffic',
      served.flatMap((service) =>
        service.nodePort === undefined ? [] : [`tcp . ${service.nodePort} : goto ${serviceChain('external', service)}`],
      ),
    ),
    ...BASE_CHAINS,
    ...(layout === 'maps' ? MAPS_CHAINS : CHAINS_CHAINS),
    ...served.flatMap((service) => serviceChains(service, layout)),
  ];
  return `table ip kube-proxy {\n\tcomment "rules for kube-proxy"\n${blocks.join('\n\n')}\n}\n`;
}

const FRONT = 'ipv4_addr . inet_proto . inet_service';

function block(heading: string, lines: readonly string[]): string {
  return `\t${heading} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}`;
}

/** `3h`, `1h30m5s`. */
function duration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('');
}

/** nft puts two plain elements into a line, and of longer ones each into its own. */
function elementLines(elements: readonly string[]): readonly string[] {
  if (elements.length === 0) return [];
  const pairs = elements.every((element) => !element.includes(' '));
  const lines = elements.map((element, index) => {
    if (index === 0) return element;
    return pairs && index % 2 === 1 ? `, ${element}` : `,\n\t\t\t     ${element}`;
  });
  return [`elements = { ${lines.join('')} }`];
}

function set(name: string, type: string, comment: string, elements: readonly string[]): string {
  return block(`set ${name}`, [`type ${type}`, `comment "${comment}"`, ...elementLines(elements)]);
}

function map(name: string, key: string, comment: string, elements: readonly string[]): string {
  return block(`map ${name}`, [`type ${key} : verdict`, `comment "${comment}"`, ...elementLines(elements)]);
}

function chain(name: string, ...rules: readonly string[]): string {
  return block(`chain ${name}`, rules);
}

function serviceChain(kind: 'service' | 'external', { namespace, name }: ServiceSpec): string {
  return `${kind}-ABCDEFGH-${namespace}/${name}/tcp/`;
}

function endpointName({ namespace, name }: ServiceSpec, { address, port }: ServiceSpec['endpoints'][number]): string {
  return `ABCDEFGH-${namespace}/${name}/tcp/__${address}/${port}`;
}

const BASE_CHAINS: readonly string[] = [
  chain(
    'cluster-ips-check',
    'ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"',
    'ip daddr 10.96.0.0/16 drop comment "Drop traffic to unallocated ClusterIPs"',
  ),
  chain(
    'filter-prerouting-pre-dnat',
    'type filter hook prerouting priority dstnat - 10; policy accept;',
    'ct state new jump firewall-check',
  ),
  chain(
    'filter-output-pre-dnat',
    'type filter hook output priority -110; policy accept;',
    'ct state new jump firewall-check',
  ),
  chain(
    'filter-forward',
    'type filter hook forward priority filter; policy accept;',
    'ct state new jump service-endpoints-check',
    'ct state new jump cluster-ips-check',
  ),
  chain(
    'filter-input',
    'type filter hook input priority filter; policy accept;',
    'ct state new jump nodeport-endpoints-check',
    'ct state new jump service-endpoints-check',
  ),
  chain(
    'filter-output',
    'type filter hook output priority filter; policy accept;',
    'ct state new jump service-endpoints-check',
    'ct state new jump cluster-ips-check',
  ),
  chain('firewall-check', 'ip daddr . meta l4proto . th dport vmap @firewall-ips'),
  chain('nat-output', 'type nat hook output priority -100; policy accept;', 'jump services'),
  chain('nat-postrouting', 'type nat hook postrouting priority srcnat; policy accept;', 'jump masquerading'),
  chain('nat-prerouting', 'type nat hook prerouting priority dstnat; policy accept;', 'jump services'),
  chain('nodeport-endpoints-check', 'ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports'),
  chain('reject-chain', 'reject'),
  chain('service-endpoints-check', 'ip daddr . meta l4proto . th dport vmap @no-endpoint-services'),
];

const SERVICES: readonly string[] = [
  'ip daddr . meta l4proto . th dport vmap @service-ips',
  'ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports',
];
const SET_MARK = 'meta mark set meta mark | 0x00004000';
const CLEAR_MARK = 'meta mark set meta mark ^ 0x00004000';

const CHAINS_CHAINS: readonly string[] = [
  chain('mark-for-masquerade', SET_MARK),
  chain('masquerading', 'meta mark & 0x00004000 == 0x00000000 return', CLEAR_MARK, 'masquerade fully-random'),
  chain('services', ...SERVICES),
];

const MAPS_CHAINS: readonly string[] = [
  chain(
    'masquerading',
    `meta mark & 0x00004000 != 0x00000000 ${CLEAR_MARK} masquerade fully-random`,
    'ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random',
  ),
  chain('services', `ip daddr @cluster-ips ip saddr != 10.244.0.0/16 ${SET_MARK}`, ...SERVICES),
];

function affinitySets(service: ServiceSpec, clients: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return service.endpoints.map((endpoint) => {
    const elements = clients.get(`${endpoint.address}:${endpoint.port}`) ?? [];
    return block(`set affinity-${endpointName(service, endpoint)}`, [
      'type ipv4_addr',
      'size 65535',
      'flags dynamic,timeout',
      `timeout ${duration(service.affinity ?? 0)}`,
      ...elementLines(elements.map((address) => `${address} expires 2h59m48s120ms`)),
    ]);
  });
}

function serviceChains(service: ServiceSpec, layout: NftablesLayout): readonly string[] {
  const { clusterIp, port, nodePort, affinity, endpoints } = service;
  const names = endpoints.map((endpoint) => endpointName(service, endpoint));
  const inMaps = layout === 'maps';
  const inRule = inMaps && affinity === undefined;
  const outside = inMaps
    ? []
    : [`ip daddr ${clusterIp} tcp dport ${port} ip saddr != 10.244.0.0/16 jump mark-for-masquerade`];
  const sticky = affinity === undefined ? [] : names.map((name) => `ip saddr @affinity-${name} goto endpoint-${name}`);
  const gotos = names.map((name, index) => `${index} : goto endpoint-${name}`).join(', ');
  const chosen = inRule ? ruleOf(endpoints) : `numgen random mod ${names.length} vmap { ${gotos} }`;
  const own = serviceChain('service', service);
  return [
    chain(own, ...outside, ...sticky, chosen),
    ...(nodePort === undefined
      ? []
      : [chain(serviceChain('external', service), inMaps ? SET_MARK : 'jump mark-for-masquerade', `goto ${own}`)]),
    ...(inRule ? [] : endpoints.map((endpoint) => endpointChain(service, endpoint, layout))),
  ];
}

function ruleOf(endpoints: ServiceSpec['endpoints']): string {
  const [only] = endpoints;
  if (endpoints.length === 1 && only !== undefined) return `meta l4proto tcp dnat to ${only.address}:${only.port}`;
  const places = endpoints.map(({ address, port }, index) => `${index} : ${address} . ${port}`).join(', ');
  return `meta l4proto tcp dnat ip to numgen random mod ${endpoints.length} map { ${places} }`;
}

function endpointChain(
  service: ServiceSpec,
  endpoint: ServiceSpec['endpoints'][number],
  layout: NftablesLayout,
): string {
  const { address, port } = endpoint;
  const name = endpointName(service, endpoint);
  return chain(
    `endpoint-${name}`,
    ...(layout === 'chains' ? [`ip saddr ${address} jump mark-for-masquerade`] : []),
    ...(service.affinity === undefined ? [] : [`update @affinity-${name} { ip saddr }`]),
    `meta l4proto tcp dnat to ${address}:${port}`,
  );
}
