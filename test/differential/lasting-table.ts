import type { Table } from '../../src/netfilter/node.ts';
import { match, number } from './arbitrary-match.ts';
import { type SiteName, TUNNEL_PORT, TUNNELS } from './site-plan.ts';

/**
 * Keeps the packets of the tunnel out of the tunnel, on the hosts that it joins. Each would be carried as a new packet with all its
 * hops before it, longer than the last, in pieces that multiply: the kernel has nothing against that, and never ends.
 */
export function lastingTables(site: SiteName): readonly Table[] {
  const device = TUNNELS.find((tunnel) => tunnel.site === site)?.device;
  if (device === undefined) return [];
  const isCarrier = [
    match({ kind: 'meta', key: 'l4proto' }, '==', number(17)),
    match({ kind: 'payload', field: 'th dport' }, '==', number(TUNNEL_PORT)),
  ];
  return [
    {
      family: 'netdev',
      name: 'lasting',
      flags: [],
      sets: [],
      maps: [],
      chains: [
        {
          name: 'tunnel',
          base: { type: 'filter', hook: 'egress', priority: -500, policy: 'accept', devices: [device] },
          rules: [{ statements: [...isCarrier, { kind: 'verdict', verdict: { kind: 'drop' } }] }],
        },
      ],
    },
  ];
}
