/** What kube-proxy's nftables mode puts on a node, as far as connections meet it, in nft's words. */

export interface ShapedService {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** ADDRESS and port of each. */
  readonly endpoints: readonly (readonly [address: string, port: number])[];
}

const FIXED = `
  chain firewall-check { ip daddr . meta l4proto . th dport vmap @firewall-ips; }
  chain service-endpoints-check { ip daddr . meta l4proto . th dport vmap @no-endpoint-services; }
  chain cluster-ips-check { ip daddr @cluster-ips reject; ip daddr 10.96.0.0/12 drop; }
  chain nodeport-endpoints-check { ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }
  chain mark-for-masquerade { meta mark set meta mark | 0x4000; }
  chain masquerading { meta mark & 0x4000 == 0 return; meta mark set meta mark ^ 0x4000; masquerade fully-random; }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }
  chain filter-prerouting { type filter hook prerouting priority dstnat - 10; ct state new jump firewall-check; }
  chain filter-input {
    type filter hook input priority -110
    ct state new jump nodeport-endpoints-check
    ct state new jump service-endpoints-check
  }
  chain filter-forward {
    type filter hook forward priority -110
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain filter-output {
    type filter hook output priority -110
    ct state new jump service-endpoints-check
    ct state new jump firewall-check
  }
  chain filter-output-post-dnat { type filter hook output priority -90; ct state new jump cluster-ips-check; }
  chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
  chain nat-output { type nat hook output priority -100; jump services; }
  chain nat-postrouting { type nat hook postrouting priority srcnat; jump masquerading; }`;

const SETS = `
  set cluster-ips { type ipv4_addr; }
  set nodeport-ips { type ipv4_addr; }
  map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; }
  map no-endpoint-nodeports { type inet_proto . inet_service : verdict; }
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map service-nodeports { type inet_proto . inet_service : verdict; }`;

/** A whole table. @param podPrefix whose connections keep their source */
export function kubeProxyTable(services: readonly ShapedService[], podPrefix: string): string {
  const chains = services.flatMap(({ name, address, port, endpoints }) => {
    const chainOf = ([endpoint, endpointPort]: ShapedService['endpoints'][number]) =>
      `endpoint-default/${name}/tcp/http__${endpoint}/${endpointPort}`;
    return [
      ...endpoints.map(
        (one) =>
          `chain ${chainOf(one)} { ip saddr ${one[0]} jump mark-for-masquerade; meta l4proto tcp dnat to ${one[0]}:${one[1]}; }`,
      ),
      `chain service-default/${name}/tcp/http {
        ip daddr ${address} tcp dport ${port} ip saddr != ${podPrefix} jump mark-for-masquerade
        numgen random mod ${endpoints.length} vmap { ${endpoints.map((one, at) => `${at} : goto ${chainOf(one)}`).join(', ')} }
      }`,
    ];
  });
  const fronts = services.map(
    ({ name, address, port }) => `${address} . tcp . ${port} : goto service-default/${name}/tcp/http`,
  );
  return `table ip kube-proxy {${SETS}${FIXED}\n${chains.join('\n')}\n}
    add element ip kube-proxy cluster-ips { ${services.map(({ address }) => address).join(', ')} }
    add element ip kube-proxy service-ips { ${fronts.join(', ')} }\n`;
}
