import { parseAddress } from '../../address/address.ts';
import { parseInterfaceAddress, parsePrefix } from '../../address/prefix.ts';
import type { DeclaredPath } from '../../verify/declared-path.ts';
import type { LabHostConfiguration, LabSubnet } from '../lab-configuration.ts';
import type { ContainerPlan, PlannedContainer } from './container-plan.ts';

/** What a model says a lab is made of. */
export interface ModelPlan {
  readonly subnets: readonly LabSubnet[];
  readonly hosts: readonly LabHostConfiguration[];
  readonly containers: ContainerPlan;
}

const MTU = 1500;

/** A subnet of a model. */
export function modelSubnet(name: string, prefix: string): LabSubnet {
  return { name, prefixes: [parsePrefix(prefix)], mtu: MTU };
}

/** A host of a model. @param address with the length of its subnet: `10.1.2.3/24` */
export function modelHost(name: string, subnet: LabSubnet, address: string): LabHostConfiguration {
  return { name, subnet, addresses: [parseInterfaceAddress(address)], labels: {} };
}

/**
 * Docker's standard model on three hosts: each has a bridge whose range only it knows, so that both containers have one and the
 * same address, and the third host, behind the router, has that very address too. A's port 80 is published on its host.
 */
export function planDockerModel(): ModelPlan {
  const near = modelSubnet('lan-1', '10.1.2.0/24');
  const far = modelSubnet('lan-2', '172.17.42.0/24');
  const published = { address: parseAddress('10.1.2.3'), port: 43210 };
  const address = parseInterfaceAddress('172.17.42.2/16');
  const containers: readonly PlannedContainer[] = [
    { name: 'a', host: 'host-1', address, port: 80, published },
    { name: 'b', host: 'host-2', address, port: 80 },
  ];
  const path: DeclaredPath = {
    name: 'a-published',
    from: 'pod/docker/b',
    protocol: 'tcp',
    ...published,
    to: 'pod/docker/a',
  };
  return {
    subnets: [near, far],
    hosts: [
      modelHost('host-1', near, '10.1.2.3/24'),
      modelHost('host-2', near, '10.1.2.4/24'),
      modelHost('host-3', far, '172.17.42.2/24'),
    ],
    containers: {
      model: 'docker',
      namespace: 'docker',
      bridges: new Map([
        ['host-1', parseInterfaceAddress('172.17.42.1/16')],
        ['host-2', parseInterfaceAddress('172.17.42.1/16')],
        ['host-3', parseInterfaceAddress('172.18.42.1/16')],
      ]),
      containers,
      paths: [path],
    },
  };
}
