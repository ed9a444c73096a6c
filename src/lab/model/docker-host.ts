import { addressToBytes } from '../../address/address.ts';
import { macFromBytes } from '../../address/mac.ts';
import { defaultPrefix, type InterfaceAddress } from '../../address/prefix.ts';
import type { Change } from '../../host/change.ts';
import { MAIN_TABLE } from '../../host/route.ts';
import type { PlannedContainer } from './container-plan.ts';
import { DOCKER_BRIDGE, dockerTables } from './docker-rules.ts';

const MTU = 1500;
/** The name that Docker gives the interface of every container. */
const INTERFACE = 'eth0';

/** What Docker makes of a host when it starts: forwarding, its bridge and its rules. */
export function planDockerHost(bridge: InterfaceAddress, containers: readonly PlannedContainer[]): readonly Change[] {
  const tables = dockerTables(bridge, containers);
  return [
    { kind: 'set-sysctl', setting: { key: 'net.ipv4.ip_forward', value: '1' } },
    { kind: 'add-link', link: { name: DOCKER_BRIDGE, kind: { kind: 'bridge' }, mtu: MTU, up: true } },
    { kind: 'put-address', address: { device: DOCKER_BRIDGE, ...bridge, scope: 'global', noDad: true } },
    { kind: 'change-tables', changes: tables.map((table) => ({ kind: 'add-table', table })) },
  ];
}

/** What connects a container to its host's bridge. */
export interface ContainerWiring {
  /** In the host's namespace. */
  readonly host: readonly Change[];
  /** In the container's, after it. */
  readonly container: readonly Change[];
}

/**
 * A pair of links from the bridge into a container's namespace, with the container's address at the far end.
 * @param namespace a path of the container's network namespace
 */
export function planWiring(
  name: string,
  address: InterfaceAddress,
  bridge: InterfaceAddress,
  namespace: string,
): ContainerWiring {
  // As Docker makes it: 02:42, then the container's address.
  const mac = macFromBytes(Uint8Array.from([0x02, 0x42, ...addressToBytes(address.address)]));
  return {
    host: [
      {
        kind: 'add-link',
        link: {
          name: `veth-${name}`,
          kind: { kind: 'veth', peer: { namespace, name: INTERFACE, mac } },
          mtu: MTU,
          up: true,
          master: DOCKER_BRIDGE,
        },
      },
    ],
    container: [
      { kind: 'update-link', link: { name: INTERFACE, kind: { kind: 'pod-end' }, mtu: MTU, up: true } },
      { kind: 'put-address', address: { device: INTERFACE, ...address, scope: 'global', noDad: true } },
      {
        kind: 'put-route',
        route: {
          table: MAIN_TABLE,
          destination: defaultPrefix(address.address.family),
          type: 'unicast',
          nextHops: [{ gateway: bridge.address, device: INTERFACE, weight: 1, onlink: false }],
          metric: 0,
          // RTPROT_BOOT, as of a route that nobody says more of.
          protocol: 3,
          scope: 'global',
        },
      },
    ],
  };
}
