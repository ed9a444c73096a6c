import { formatAddress } from '../../address/address.ts';
import { formatPrefix, type InterfaceAddress, prefixOf } from '../../address/prefix.ts';
import { parseNftText } from '../../netfilter/nft-text/parse-ruleset.ts';
import type { Table } from '../../netfilter/node.ts';
import type { PlannedContainer } from './container-plan.ts';

/** Docker's own bridge. */
export const DOCKER_BRIDGE = 'docker0';

/** The tables that Docker's rules stand in, as iptables-nft would make them. */
export function dockerTables(bridge: InterfaceAddress, containers: readonly PlannedContainer[]): readonly Table[] {
  return parseNftText(formatDockerRules(bridge, containers)).tables;
}

/**
 * Docker's rules on a host, in the chains of Docker 28 and in nft's words. What leaves the bridge's range by another
 * device is masqueraded; a published port is led to its container, but for those on the bridge itself, whom Docker's
 * proxy serves; nothing else comes in to a container, and nothing goes from one bridge to another.
 */
export function formatDockerRules(bridge: InterfaceAddress, containers: readonly PlannedContainer[]): string {
  const range = formatPrefix(prefixOf(bridge.address, bridge.length));
  const published = containers.flatMap(({ address, port, published: at }) =>
    address === undefined || at === undefined ? [] : [{ inside: formatAddress(address.address), port, at }],
  );
  const outside = `iifname != "${DOCKER_BRIDGE}"`;
  const accepted = published.map(
    ({ inside, port }) => `ip daddr ${inside} ${outside} oifname "${DOCKER_BRIDGE}" tcp dport ${port} accept`,
  );
  const translated = published.map(
    ({ inside, port, at }) =>
      `${outside} ip daddr ${formatAddress(at.address)} tcp dport ${at.port} dnat to ${inside}:${port}`,
  );
  return `
table ip filter {
  chain INPUT {
    type filter hook input priority 0; policy accept;
  }
  chain FORWARD {
    type filter hook forward priority 0; policy drop;
    jump DOCKER-USER
    jump DOCKER-FORWARD
  }
  chain OUTPUT {
    type filter hook output priority 0; policy accept;
  }
  chain DOCKER-USER {
    return
  }
  chain DOCKER-FORWARD {
    jump DOCKER-CT
    jump DOCKER-ISOLATION-STAGE-1
    jump DOCKER-BRIDGE
    iifname "${DOCKER_BRIDGE}" accept
  }
  chain DOCKER-CT {
    oifname "${DOCKER_BRIDGE}" ct state established,related accept
  }
  chain DOCKER-ISOLATION-STAGE-1 {
    iifname "${DOCKER_BRIDGE}" oifname != "${DOCKER_BRIDGE}" jump DOCKER-ISOLATION-STAGE-2
  }
  chain DOCKER-ISOLATION-STAGE-2 {
    oifname "${DOCKER_BRIDGE}" drop
  }
  chain DOCKER-BRIDGE {
    oifname "${DOCKER_BRIDGE}" jump DOCKER
  }
  chain DOCKER {
    ${[...accepted, `${outside} oifname "${DOCKER_BRIDGE}" drop`].join('\n    ')}
  }
}
table ip nat {
  chain PREROUTING {
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump DOCKER
  }
  chain INPUT {
    type nat hook input priority 100; policy accept;
  }
  chain OUTPUT {
    type nat hook output priority -100; policy accept;
    ip daddr != 127.0.0.0/8 fib daddr type local jump DOCKER
  }
  chain POSTROUTING {
    type nat hook postrouting priority 100; policy accept;
    ip saddr ${range} oifname != "${DOCKER_BRIDGE}" masquerade
  }
  chain DOCKER {
    ${translated.join('\n    ')}
  }
}
`;
}
