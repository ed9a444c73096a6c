import { type Address, parseAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import type { Attachment } from '../cni/attachment.ts';
import type { Chain, Rule } from '../netfilter/node.ts';
import {
  ACCEPT,
  addressLiteral,
  DROP,
  differs,
  equals,
  goTo,
  isOneOf,
  jump,
  macLiteral,
  numberLiteral,
  prefixLiteral,
  rule,
} from './rule.ts';

/** Types of RFC 4861, RFC 2710 and RFC 3810 messages. */
const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const REDIRECT = 137;
const MULTICAST_REPORTS = [131, 132, 143];

const UNSPECIFIED_IPV4 = parseAddress('0.0.0.0');
const UNSPECIFIED_IPV6 = parseAddress('::');
const LINK_LOCAL = parsePrefix('fe80::/10');

/** Where every pod's chain passes: what says nothing of one pod stands once. */
const ROUTER_MESSAGES: Chain = {
  name: 'router-messages',
  rules: [rule(isOneOf('icmpv6 type', [ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, REDIRECT].map(numberLiteral)), DROP)],
};
const UNASSIGNED: Chain = {
  name: 'unassigned',
  rules: [
    rule(equals('ip6 saddr', prefixLiteral(LINK_LOCAL)), ACCEPT),
    rule(
      equals('ip6 saddr', addressLiteral(UNSPECIFIED_IPV6)),
      isOneOf('icmpv6 type', [NEIGHBOUR_SOLICITATION, ...MULTICAST_REPORTS].map(numberLiteral)),
      ACCEPT,
    ),
  ],
};

/** Chains that the guards of all pods go through; they register no hook. */
export const SHARED_GUARD_CHAINS: readonly Chain[] = [ROUTER_MESSAGES, UNASSIGNED];

/** The same rules for all pods: made, and looked at, once. */
const PASS_ROUTER_MESSAGES = rule(jump(ROUTER_MESSAGES.name));
const PASS_UNASSIGNED = rule(goTo(UNASSIGNED.name));

const IS_ADVERTISEMENT = equals('icmpv6 type', numberLiteral(NEIGHBOUR_ADVERTISEMENT));
const IS_NOT_LINK_LOCAL = differs('icmpv6 taddr', prefixLiteral(LINK_LOCAL));
const NO_ADVERTISEMENTS = rule(IS_ADVERTISEMENT, IS_NOT_LINK_LOCAL, DROP);

/** netdev chains run in this order; nft calls it `filter`. */
const FILTER_PRIORITY = 0;

/**
 * A pod sends from its own addresses only, and answers ARP and neighbour discovery for no others: one chain at the
 * ingress of its host link, before bridging and routing see the packet, the same for both wirings and both families.
 *
 * A chain a link, comparing with constants, costs a packet less than a look-up in a set that all links share, costs
 * packets of other links nothing, comes and goes with the attachment in one step, and works on every kernel, where
 * adding a device to a chain that is there needs Linux 6.4. What is let through besides the pod's own addresses:
 * link-local IPv6, and what a stack says before it has an address (duplicate address detection, multicast reports,
 * ARP probes). Router advertisements and redirects are nobody's business but a router's; and router solicitations are
 * asked of nobody, and would leave an entry each in the neighbour table that all namespaces of a machine share.
 *
 * No rule of a pod's own has an anonymous set: to name one the kernel looks at every set of the table, which makes a pod
 * the dearer the more there are. What needs one stands in the chains that all share.
 * @returns undefined for a pod that opted out
 */
export function spoofingGuard({ addresses, allowSpoofing, hostLink, mac }: Attachment): Chain | undefined {
  if (allowSpoofing === true) return undefined;
  const ipv4 = addresses.filter(({ family }) => family === 4);
  const ipv6 = addresses.filter(({ family }) => family === 6);
  return {
    name: hostLink,
    base: { type: 'filter', hook: 'ingress', priority: FILTER_PRIORITY, policy: 'drop', devices: [hostLink] },
    rules: [
      rule(differs('ether saddr', macLiteral(mac)), DROP),
      ...ipv4.map((address) => rule(equals('ip saddr', addressLiteral(address)), ACCEPT)),
      PASS_ROUTER_MESSAGES,
      advertisementRule(ipv6),
      ...ipv6.map((address) => rule(equals('ip6 saddr', addressLiteral(address)), ACCEPT)),
      ...(ipv4.length === 0 ? [] : [...ipv4, UNSPECIFIED_IPV4].map((address) => arpRule(mac, address))),
      PASS_UNASSIGNED,
    ],
  };
}

/** Stands before the pod's own source is accepted, since it may be used to advertise somebody else's address. */
function advertisementRule(addresses: readonly Address[]): Rule {
  const ofOthers = addresses.map((address) => differs('icmpv6 taddr', addressLiteral(address)));
  return ofOthers.length === 0 ? NO_ADVERTISEMENTS : rule(IS_ADVERTISEMENT, ...ofOthers, IS_NOT_LINK_LOCAL, DROP);
}

function arpRule(mac: string, address: Address): Rule {
  return rule(equals('arp saddr ether', macLiteral(mac)), equals('arp saddr ip', addressLiteral(address)), ACCEPT);
}
