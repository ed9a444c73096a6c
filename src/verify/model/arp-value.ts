import type { Mac } from '../../address/mac.ts';
import type { PayloadField } from '../../netfilter/node.ts';
import { isArp, type Packet } from './packet.ts';
import { ABSENT, UNKNOWN, type Value, valueOfLiteral } from './value.ts';

/** What a message of ARP has; it has no header of IP. */
export function arpValue(field: PayloadField, { discovery, source, destination }: Packet): Value {
  switch (field) {
    case 'arp operation':
      return discovery?.kind === 'question' ? 1n : 2n;
    case 'arp saddr ether':
      return macValue(discovery?.speaker);
    case 'arp saddr ip':
      return source.value;
    case 'arp daddr ip':
      return destination.value;
    default:
      return ABSENT;
  }
}

/** Unknown where the frame's MAC is. */
export function macValue(mac: Mac | undefined): Value {
  return mac === undefined ? UNKNOWN : valueOfLiteral({ kind: 'mac', mac });
}

/** `linux/if_ether.h`: ETH_P_ARP, ETH_P_IP, ETH_P_IPV6. */
export function etherType(packet: Packet): bigint {
  if (isArp(packet)) return 0x0806n;
  return packet.source.family === 4 ? 0x0800n : 0x86ddn;
}
