import type { Table } from '../../netfilter/node.ts';
import type { PolicyStep, RuleStep } from '../model/flight.ts';
import type { Explanation } from './explanation.ts';
import type { Fault } from './fault.ts';
import { iptablesTable } from './firewall-program.ts';
import { responsibleRule } from './responsible.ts';
import { ruleMaker } from './rule-maker.ts';

/** A rule that drops ARP or neighbour discovery: whoever has an address on a link isn't found there. */
export function lostDiscovery({ way }: Fault): Explanation | undefined {
  const { reason } = way;
  if (reason.kind !== 'undiscovered' || reason.reason.kind !== 'rule') return undefined;
  const { by } = reason.reason;
  const what = reason.address.family === 4 ? 'ARP' : 'neighbour discovery (ICMPv6)';
  if (by === undefined) return { cause: `${what} is dropped`, responsible: reason.at.name };
  const maker = ruleMaker(by.table, by.chain, '');
  return {
    cause: `a rule${maker === undefined ? '' : ` of ${maker}`} drops ${what}: neighbours don't find one another`,
    responsible: responsibleRule(reason.at, by),
    remedy: admission(by),
  };
}

/** The command that lets questions and answers pass before a rule. */
function admission({ table, chain }: RuleStep | PolicyStep): string {
  if (iptablesTable(table) !== undefined) return `ip6tables -I ${chain.name} -p ipv6-icmp -j ACCEPT`;
  return `nft insert rule ${table.family} ${table.name} ${chain.name} ${matchIn(table)}accept`;
}

function matchIn({ family }: Table): string {
  switch (family) {
    case 'arp':
      return '';
    case 'bridge':
    case 'netdev':
      return 'meta protocol { arp, ip6 } ';
    default:
      return 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ';
  }
}
