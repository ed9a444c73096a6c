import { FAMILIES } from '../../address/family.ts';
import type { Attachment } from '../../cni/attachment.ts';
import { addressOf } from '../peer-directory.ts';
import type { PlannedService, ServiceFront, ServicePool } from './service-plan.ts';

/** Key of an attachment's port mappings among a plan's services. */
export function portMappingKey({ containerId, interfaceName }: Attachment): string {
  return `host-port ${containerId} ${interfaceName}`;
}

/** A pod's host ports: services of one endpoint each. Absent for a pod that has none. */
export function planPortMappings(attachment: Attachment): PlannedService | undefined {
  const { containerId, portMappings, addresses, pod } = attachment;
  const pools: ServicePool[] = [];
  const fronts: ServiceFront[] = [];
  for (const { hostPort, containerPort, protocol, hostIP } of portMappings) {
    for (const family of FAMILIES) {
      const address = addressOf(addresses, family);
      if (address === undefined || (hostIP !== undefined && hostIP.family !== family)) continue;
      const id = `${portMappingKey(attachment)} ${protocol} IPv${family} ${hostPort} ${containerPort}`;
      if (pools.every((pool) => pool.id !== id))
        pools.push({
          id,
          family,
          protocol,
          endpoints: [{ address, port: containerPort, local: true }],
          whenEmpty: 'reject',
        });
      const name = pod === undefined ? containerId : `${pod.namespace ?? ''}/${pod.name}`;
      const front = { name, family, protocol, port: hostPort, pool: id };
      fronts.push(
        hostIP === undefined
          ? { ...front, kind: 'host-port' }
          : { ...front, kind: 'address', role: 'host-port', address: hostIP, reach: 'everyone' },
      );
    }
  }
  return fronts.length === 0 ? undefined : { pools, fronts };
}
