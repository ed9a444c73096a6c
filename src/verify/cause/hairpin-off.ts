import type { Explanation } from './explanation.ts';
import type { Fault } from './fault.ts';

/** A pod that a service leads to itself: its bridge passes nothing back by the port that it came in by. */
export function hairpinOff({ way }: Fault): Explanation | undefined {
  const { reason, at } = way;
  if (reason.kind !== 'hairpin-off') return undefined;
  const { device } = reason;
  return {
    cause: 'hairpin is off: a pod that is led back to itself is not reached',
    responsible: `${at.name}: port ${device} of ${at.links.get(device)?.master ?? 'its bridge'}`,
    remedy: `bridge link set dev ${device} hairpin on, on ${at.name}, and "hairpinMode": true in the bridge plugin's configuration`,
  };
}
