import type { Explanation } from './explanation.ts';
import type { Fault } from './fault.ts';

/** Packets that are longer than a device takes, and must not be cut: an MTU that forgets the overlay. */
export function tooLong({ way, sender }: Fault): Explanation | undefined {
  const { reason, at } = way;
  if (reason.kind !== 'too-long') return undefined;
  const { device, mtu, length } = reason;
  const isTunnel = at.links.get(device)?.kind.kind === 'vxlan';
  const tunnel = way.steps.find((step) => step.kind === 'encapsulate');
  const overlay = isTunnel ? device : tunnel?.device;
  return {
    cause:
      overlay === undefined
        ? 'packets are longer than a device on their way takes'
        : 'the MTU is too large for the overlay',
    responsible: `${at.name}: ${device} takes ${mtu} bytes, and not ${length}`,
    remedy:
      overlay === undefined
        ? `give ${sender.name} an MTU of at most ${mtu}`
        : `give pods, and ${overlay}, an MTU that leaves room for the tunnel's headers (50 bytes over IPv4, 70 over IPv6): ${isTunnel ? mtu : mtu - 50} at most`,
  };
}
