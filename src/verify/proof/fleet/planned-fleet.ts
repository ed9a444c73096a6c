/** For tests and figures: fleets of any size as their plans make them. */
import { addToAddress, parseAddress } from '../../../address/address.ts';
import { FAMILY_BITS, type Family } from '../../../address/family.ts';
import { parsePrefix, subPrefix } from '../../../address/prefix.ts';
import type { BackendName } from '../../../cluster/cluster-configuration.ts';
import type { HostState } from '../../../host/network-state.ts';
import {
  announcedDirectory,
  attachment,
  clusterConfiguration,
  nodeInput,
  type PlannedHost,
  plannedHost,
} from '../../../plan/arbitrary.ts';
import { outlineNode } from '../../../plan/plan-node.ts';
import { planHostState } from '../../../render/planned-host.ts';
import type { Fleet } from './fleet.ts';

export interface FleetShape {
  readonly hosts: number;
  /** On each host. */
  readonly pods: number;
  readonly families: readonly Family[];
  readonly backend: BackendName;
  /** Hosts on one subnet; 250 unless given. */
  readonly onSubnet?: number;
}

/** Room for 65,536 nodes. */
const POD_RANGES = { 4: parsePrefix('10.0.0.0/8'), 6: parsePrefix('fd00:10::/32') } as const;
const POD_PREFIX_LENGTH = { 4: 24, 6: 64 } as const;
const NODE_RANGES = { 4: parseAddress('172.16.0.1'), 6: parseAddress('fd00:16::1') } as const;

/** Hosts `node-0`, `node-1` and so on, each planned anew at each look. */
export function plannedFleet({ hosts: size, pods, families, backend, onSubnet = 250 }: FleetShape): Fleet {
  const configuration = {
    ...clusterConfiguration(backend, families),
    clusterPrefixes: families.map((family) => POD_RANGES[family]),
  };
  const hostBits = { 4: Math.max(8, Math.ceil(Math.log2(onSubnet + 2))), 6: 64 } as const;
  const hosts = Array.from({ length: size }, (_, number): PlannedHost => {
    const subnet = Math.floor(number / onSubnet);
    const { node, facts } = plannedHost({ number: 0, subnet: 0, families, backend });
    const offset = (family: Family) => (BigInt(subnet) << BigInt(hostBits[family])) + BigInt(number % onSubnet);
    const addresses = families.map((family) => addToAddress(NODE_RANGES[family], offset(family)));
    const podPrefixes = families.map((family) => subPrefix(POD_RANGES[family], POD_PREFIX_LENGTH[family], number));
    const uplinks = facts.uplinks.map((uplink) => ({
      ...uplink,
      addresses: addresses.map((address) => {
        const { family } = address;
        return { address, length: FAMILY_BITS[family] - hostBits[family] };
      }),
    }));
    return {
      node: { ...node, name: `node-${number}`, addresses, podPrefixes },
      facts: { ...facts, uplinks },
      configuration,
    };
  });
  const directory = announcedDirectory(hosts);
  const fabric = hosts.flatMap(({ node }) => node.podPrefixes.map((prefix) => ({ prefix, host: node.name })));
  return {
    size,
    host(place) {
      const host = hosts[place];
      if (host === undefined) throw new RangeError(`there is no host ${place} among ${size}`);
      const attachments = Array.from({ length: pods }, (_, number) =>
        attachment(host, number, { pod: { namespace: host.node.name, name: `${number}` } }),
      );
      const { plan, findings } = outlineNode(nodeInput(host, directory, { attachments }));
      if (plan === undefined) throw new Error(findings.map(({ message }) => message).join('; '));
      return planHostState(plan, host.facts);
    },
    ...(backend === 'cloud' && { fabric }),
  };
}

/** The fleet with one host changed. */
export function withHost(fleet: Fleet, place: number, change: (host: HostState) => HostState): Fleet {
  return { ...fleet, host: (at) => (at === place ? change(fleet.host(at)) : fleet.host(at)) };
}
