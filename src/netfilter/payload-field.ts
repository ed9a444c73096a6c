import type { DataType, PayloadField, TableFamily } from './node.ts';

export type HeaderName = 'ether' | 'arp' | 'ip' | 'ip6' | 'th' | 'tcp' | 'icmp' | 'icmpv6';

/** Where a field lies in a packet: RFC 791, 8200, 9293, 792, 4443, 4861, 826 and IEEE 802.3. */
export interface FieldLayout {
  readonly header: HeaderName;
  readonly base: 'link' | 'network' | 'transport';
  /** Bytes from the start of the header. */
  readonly offset: number;
  readonly bytes: number;
  readonly type: DataType;
  /** For a field of less than a byte: bits to the right of it; it takes the rest of the byte. */
  readonly shift?: number;
}

export const PAYLOAD_FIELDS: Readonly<Record<PayloadField, FieldLayout>> = {
  'ether daddr': { header: 'ether', base: 'link', offset: 0, bytes: 6, type: 'ether_addr' },
  'ether saddr': { header: 'ether', base: 'link', offset: 6, bytes: 6, type: 'ether_addr' },
  'ether type': { header: 'ether', base: 'link', offset: 12, bytes: 2, type: 'ether_type' },
  'arp operation': { header: 'arp', base: 'network', offset: 6, bytes: 2, type: 'arp_op' },
  'arp saddr ether': { header: 'arp', base: 'network', offset: 8, bytes: 6, type: 'ether_addr' },
  'arp saddr ip': { header: 'arp', base: 'network', offset: 14, bytes: 4, type: 'ipv4_addr' },
  'arp daddr ip': { header: 'arp', base: 'network', offset: 24, bytes: 4, type: 'ipv4_addr' },
  'ip dscp': { header: 'ip', base: 'network', offset: 1, bytes: 1, type: 'dscp', shift: 2 },
  'ip length': { header: 'ip', base: 'network', offset: 2, bytes: 2, type: 'integer' },
  'ip frag-off': { header: 'ip', base: 'network', offset: 6, bytes: 2, type: 'integer' },
  'ip ttl': { header: 'ip', base: 'network', offset: 8, bytes: 1, type: 'integer' },
  'ip protocol': { header: 'ip', base: 'network', offset: 9, bytes: 1, type: 'inet_proto' },
  'ip saddr': { header: 'ip', base: 'network', offset: 12, bytes: 4, type: 'ipv4_addr' },
  'ip daddr': { header: 'ip', base: 'network', offset: 16, bytes: 4, type: 'ipv4_addr' },
  'ip6 nexthdr': { header: 'ip6', base: 'network', offset: 6, bytes: 1, type: 'inet_proto' },
  'ip6 hoplimit': { header: 'ip6', base: 'network', offset: 7, bytes: 1, type: 'integer' },
  'ip6 saddr': { header: 'ip6', base: 'network', offset: 8, bytes: 16, type: 'ipv6_addr' },
  'ip6 daddr': { header: 'ip6', base: 'network', offset: 24, bytes: 16, type: 'ipv6_addr' },
  'th sport': { header: 'th', base: 'transport', offset: 0, bytes: 2, type: 'inet_service' },
  'th dport': { header: 'th', base: 'transport', offset: 2, bytes: 2, type: 'inet_service' },
  'tcp flags': { header: 'tcp', base: 'transport', offset: 13, bytes: 1, type: 'tcp_flag' },
  'icmp type': { header: 'icmp', base: 'transport', offset: 0, bytes: 1, type: 'icmp_type' },
  'icmp code': { header: 'icmp', base: 'transport', offset: 1, bytes: 1, type: 'icmp_code' },
  'icmpv6 type': { header: 'icmpv6', base: 'transport', offset: 0, bytes: 1, type: 'icmpv6_type' },
  'icmpv6 code': { header: 'icmpv6', base: 'transport', offset: 1, bytes: 1, type: 'icmpv6_code' },
  // The target address of neighbour solicitations, advertisements and redirects (RFC 4861).
  'icmpv6 taddr': { header: 'icmpv6', base: 'transport', offset: 8, bytes: 16, type: 'ipv6_addr' },
};

/** A condition on packet metadata without which a header isn't there. */
export interface HeaderDependency {
  readonly key: 'nfproto' | 'protocol' | 'l4proto' | 'iiftype';
  readonly value: number;
}

const ETHERNET: HeaderDependency = { key: 'iiftype', value: 1 };
const NETWORK_PROTOCOLS = { ip: { nfproto: 2, protocol: 0x0800 }, ip6: { nfproto: 10, protocol: 0x86dd } };
const TRANSPORT_PROTOCOLS: Readonly<Partial<Record<HeaderName, number>>> = { tcp: 6, icmp: 1, icmpv6: 58 };

/** What must hold in a table of this family before a field of `header` may be read: the matches that nft adds unsaid. */
export function headerDependencies(header: HeaderName, family: TableFamily): readonly HeaderDependency[] {
  switch (header) {
    case 'th':
      return [];
    case 'ether':
      return family === 'bridge' ? [] : [ETHERNET];
    case 'arp':
      return family === 'arp' ? [] : [{ key: 'protocol', value: 0x0806 }];
    case 'ip':
    case 'ip6':
      return networkDependency(header, family);
    case 'tcp':
    case 'icmp':
    case 'icmpv6': {
      const network = header === 'icmp' ? 'ip' : header === 'icmpv6' ? 'ip6' : undefined;
      const transport: HeaderDependency = { key: 'l4proto', value: TRANSPORT_PROTOCOLS[header] ?? 0 };
      return [...(network === undefined ? [] : networkDependency(network, family)), transport];
    }
    default: {
      const never: never = header;
      return never;
    }
  }
}

function networkDependency(header: 'ip' | 'ip6', family: TableFamily): readonly HeaderDependency[] {
  if (family === 'inet') return [{ key: 'nfproto', value: NETWORK_PROTOCOLS[header].nfproto }];
  if (family === 'netdev' || family === 'bridge' || family === 'arp')
    return [{ key: 'protocol', value: NETWORK_PROTOCOLS[header].protocol }];
  return [];
}
