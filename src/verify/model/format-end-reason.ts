import { formatAddress } from '../../address/address.ts';
import { DEFAULT_TABLE, LOCAL_TABLE, MAIN_TABLE } from '../../host/route.ts';
import type { EndReason } from './end-reason.ts';
import { formatPacket } from './packet.ts';

/** Why a packet's way ends, in words. */
export function formatEndReason(reason: EndReason): string {
  switch (reason.kind) {
    case 'delivered':
      return formatPacket(reason.packet);
    case 'rule': {
      const how = reason.with === undefined ? '' : `, with ${reason.with}`;
      const why =
        reason.bridgedBy === undefined
          ? ''
          : `, for br_netfilter shows bridged packets to the rules (${reason.bridgedBy})`;
      return `at ${reason.hook}${how}${why}`;
    }
    case 'unknown-rule':
      return `at ${reason.hook}: ${reason.why}`;
    case 'no-route': {
      const where = reason.tables.filter((table) => table !== LOCAL_TABLE && table !== DEFAULT_TABLE).map(tableName);
      const tables = where.length === 0 ? '' : ` in table ${where.join(', ')}`;
      return `there is no route to ${formatAddress(reason.destination)}${tables}`;
    }
    case 'unknown-route':
      return `the route to ${formatAddress(reason.destination)} is not known: ${reason.why}`;
    case 'closed-route': {
      const by = 'destination' in reason.by ? 'route' : 'routing rule';
      return `a ${by} for ${formatAddress(reason.destination)} says ${reason.type}`;
    }
    case 'group-route':
      return `a route says that ${formatAddress(reason.destination)} is ${reason.type}`;
    case 'loopback-source':
      return `a loopback address from ${reason.device} (martian; ${reason.sysctl} is 0)`;
    case 'own-source':
      return `its source is an address of this host (martian source on ${reason.device})`;
    case 'reverse-path': {
      const { ways, mode, device } = reason;
      const where =
        ways.length === 0 ? 'there is no way back to its source' : `the way back to its source is ${ways.join(', ')}`;
      return `${where}, and rp_filter is ${mode} on ${device}`;
    }
    case 'not-forwarding':
      return `it is no router: ${reason.sysctl} is ${reason.value ?? 'not known'}`;
    case 'hop-limit':
      return 'its hop limit is used up';
    case 'hairpin-off':
      return `it would have to leave by ${reason.device}, by which it came in, and hairpin is off there`;
    case 'loop':
      return 'it goes round in circles';
    case 'device-down':
      return `${reason.device} is down`;
    case 'unknown-device':
      return `the device ${reason.device} is not known`;
    case 'no-neighbour':
      return `nobody on ${reason.device} answers for ${formatAddress(reason.address)}`;
    case 'undiscovered': {
      const protocol = reason.address.family === 4 ? 'ARP' : 'neighbour discovery';
      const { device, address, message, at } = reason;
      const end = formatEndReason(reason.reason);
      return `${protocol} doesn't find ${formatAddress(address)} on ${device}: the ${message} ends at ${at.name}, ${end}`;
    }
    case 'stale-neighbour':
      return `nothing on ${reason.device} is ${reason.mac}, which the neighbour entry for ${formatAddress(reason.address)} says`;
    case 'no-tunnel-neighbour':
      return `${reason.device} has no neighbour entry for ${formatAddress(reason.address)}`;
    case 'no-forwarding-entry':
      return `${reason.device} has no forwarding entry for ${reason.mac}, which stands for ${formatAddress(reason.address)}`;
    case 'tunnel-without-source':
      return `the source address of the tunnel ${reason.device} is not known`;
    case 'no-tunnel-device':
      return `no tunnel device here takes VNI ${reason.vni}`;
    case 'other-tunnel-mac':
      return `${reason.device} is not ${reason.taken}, which the sender takes it for`;
    case 'too-long':
      return `${reason.length} bytes are more than the ${reason.mtu} that ${reason.device} takes, and it must not be fragmented`;
    case 'oversize-frame': {
      const more = `a frame of ${reason.length} bytes, and the MTU of ${reason.device} is ${reason.mtu}`;
      return reason.maybe ? `${more}: whether it takes more is not known` : `${more}: such frames vanish`;
    }
    case 'out-of-sight':
      return `it leaves by ${reason.device} to ${formatAddress(reason.nextHop)}, of which nothing is known here`;
    default:
      return reason satisfies never;
  }
}

function tableName(table: number): string {
  return table === MAIN_TABLE ? 'main' : String(table);
}
