import type { Family } from '../../address/family.ts';
import type { IptablesChain, IptablesRule } from '../../netfilter/iptables/node.ts';
import type { PlannedService } from '../../plan/service/service-plan.ts';
import { LOOPBACK, MARK_MASQUERADE } from './base-rules.ts';
import { formatSocketAddress, hostPortChainName } from './chain-name.ts';
import { comment, destinationPort, exactly, jump, match, ofProtocol, option, within } from './iptables-rule.ts';

/** What host ports come to: rules of KUBE-HOSTPORTS, and a chain for each port. */
export interface HostPortRules {
  readonly entries: readonly IptablesRule[];
  readonly chains: readonly IptablesChain[];
}

/**
 * A pod's host ports, in the chains that kubelet had for them. Whoever reaches himself, or comes from loopback, speaks
 * from the node's address, so that the answer comes back this way.
 */
export function hostPortRules({ fronts, pools }: PlannedService, family: Family): HostPortRules {
  const poolById = new Map(pools.map((pool) => [pool.id, pool]));
  const entries: IptablesRule[] = [];
  const chains = new Map<string, IptablesChain>();
  for (const front of fronts) {
    const isHostPort = front.kind === 'host-port' || (front.kind === 'address' && front.role === 'host-port');
    const pool = poolById.get(front.pool);
    const [endpoint] = pool?.endpoints ?? [];
    if (!isHostPort || front.family !== family || pool === undefined || endpoint === undefined) continue;
    const { protocol, port } = front;
    const hostIP = front.kind === 'address' ? { hostIP: front.address } : {};
    const name = hostPortChainName({ name: front.name, protocol, hostPort: port, ...hostIP });
    const text = comment(`${front.name} hostport ${port}`);
    entries.push({
      ...(front.kind === 'address' && { destination: exactly(front.address) }),
      ...ofProtocol(protocol),
      matches: [text, destinationPort(protocol, port)],
      target: jump(name),
    });
    const loopback = family === 4 ? [{ source: within(LOOPBACK[4]), matches: [text], target: MARK_MASQUERADE }] : [];
    chains.set(name, {
      name,
      rules: [
        { source: exactly(endpoint.address), matches: [text], target: MARK_MASQUERADE },
        ...loopback,
        {
          ...ofProtocol(protocol),
          matches: [text, match(protocol)],
          target: jump('DNAT', option('to-destination', formatSocketAddress(endpoint))),
        },
      ],
    });
  }
  return { entries, chains: [...chains.values()] };
}
