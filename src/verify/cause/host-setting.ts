import { formatAddress } from '../../address/address.ts';
import type { Explanation } from './explanation.ts';
import type { Fault } from './fault.ts';

/** Settings of a host that keep packets from being passed on: forwarding off, a strict look at sources, a device that is down. */
export function hostSetting({ way }: Fault): Explanation | undefined {
  const { reason, at } = way;
  switch (reason.kind) {
    case 'not-forwarding': {
      const { sysctl, value } = reason;
      if (!at.isRoot) return undefined;
      return {
        cause: 'a host does not forward packets',
        responsible: `${at.name}: ${sysctl} is ${value ?? 'not known'}`,
        remedy: `sysctl -w ${forwardingKey(sysctl)}=1 on ${at.name}, and the same line in /etc/sysctl.d`,
      };
    }
    case 'reverse-path': {
      const { sysctl, mode, device, source, ways } = reason;
      const from = formatAddress(source);
      if (ways.length === 0)
        return {
          cause: 'a route back is missing, and rp_filter asks for one',
          responsible: `${at.name}: no route to ${from}, and ${sysctl} is ${mode}`,
          remedy: `add the route back on ${at.name}: ip route add ${from} via … dev ${device}`,
        };
      return {
        cause: 'strict rp_filter: packets come in by another device than answers would leave by',
        responsible: `${at.name}: ${sysctl} is ${mode}, packets come in by ${device}, and the way back to their source is ${ways.join(', ')}`,
        remedy: `sysctl -w ${sysctl}=2 on ${at.name}, or a route back by ${device}`,
      };
    }
    case 'loopback-source':
      return {
        cause: 'loopback addresses come from outside',
        responsible: `${at.name}: ${reason.sysctl} is 0`,
        remedy: `sysctl -w ${reason.sysctl}=1 on ${at.name}, if they are meant to`,
      };
    case 'device-down':
      return {
        cause: 'a device is down',
        responsible: `${at.name}: ${reason.device}`,
        remedy: `ip link set ${reason.device} up on ${at.name}`,
      };
    default:
      return undefined;
  }
}

/** ip_forward sets the key of all devices; a single device's own is told by its own. */
function forwardingKey(sysctl: string): string {
  return sysctl.startsWith('net.ipv6.') ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward';
}
