import type { Family } from '../address/family.ts';
import type { Prefix } from '../address/prefix.ts';
import type { SetElement, Table } from '../netfilter/node.ts';
import type { MasqueradePlan } from '../plan/node-plan.ts';
import { ownTable } from './own-table.ts';
import { equals, isOutside, prefixLiteral, rule } from './rule.ts';

/** `NF_IP_PRI_NAT_SRC` (linux/netfilter_ipv4.h); nft calls it `srcnat`. */
const SOURCE_NAT_PRIORITY = 100;
const EXEMPT_SET = 'masquerade-exempt';

/**
 * What pods send out of the cluster leaves under the node's address. One rule a family, asked once a connection; and
 * no table at all for a family in which nothing is masqueraded, as a nat chain makes every packet of the host pass
 * connection tracking. The source tells pods' packets: it is the pod's own, as nobody can send from another's.
 * Ports are chosen at random, so that two connections that start at the same instant don't race for one.
 */
export function renderMasquerade({ exempt, sources, families }: MasqueradePlan): readonly Table[] {
  return families.map((family) => {
    const [ip, type] = family === 4 ? (['ip', 'ipv4_addr'] as const) : (['ip6', 'ipv6_addr'] as const);
    return ownTable(ip, {
      sets: [{ name: EXEMPT_SET, key: [type], flags: ['interval'], elements: exemptElements(exempt, family) }],
      chains: [
        {
          name: 'source-nat',
          base: { type: 'nat', hook: 'postrouting', priority: SOURCE_NAT_PRIORITY, policy: 'accept' },
          rules: sources
            .filter(({ address }) => address.family === family)
            .map((source) =>
              rule(equals(`${ip} saddr`, prefixLiteral(source)), isOutside(`${ip} daddr`, EXEMPT_SET), {
                kind: 'masquerade',
                flags: ['fully-random'],
              }),
            ),
        },
      ],
    });
  });
}

/** By the list that they were made of: all nodes that are planned from one directory share it. */
const elements = new WeakMap<readonly Prefix[], Readonly<Record<Family, readonly SetElement[]>>>();

function exemptElements(exempt: readonly Prefix[], family: Family): readonly SetElement[] {
  let known = elements.get(exempt);
  if (known === undefined) {
    known = { 4: elementsOf(exempt, 4), 6: elementsOf(exempt, 6) };
    elements.set(exempt, known);
  }
  return known[family];
}

function elementsOf(exempt: readonly Prefix[], family: Family): readonly SetElement[] {
  return exempt.filter(({ address }) => address.family === family).map((prefix) => ({ key: [prefixLiteral(prefix)] }));
}
