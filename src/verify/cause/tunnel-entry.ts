import { type Address, formatAddress, sameAddress } from '../../address/address.ts';
import type { Link } from '../../host/link.ts';
import type { Site } from '../model/site.ts';
import type { WalkStep } from '../model/walk-step.ts';
import type { Explanation } from './explanation.ts';
import { type Fault, rootOf, routesOf } from './fault.ts';

/** Entries of a tunnel device that are missing, or lead to another host than the receiver's. */
export function tunnelEntry(fault: Fault): Explanation | undefined {
  const { way, map, receiver } = fault;
  const { reason, at } = way;
  const far = rootOf(map, receiver);
  switch (reason.kind) {
    case 'no-tunnel-neighbour': {
      const mac = tunnelOf(far, at.links.get(reason.device))?.mac ?? 'MAC';
      return {
        cause: 'a neighbour entry of a tunnel is missing',
        responsible: `${at.name}: ${reason.device} has no neighbour entry for ${formatAddress(reason.address)}`,
        remedy: `ip neighbour replace ${formatAddress(reason.address)} lladdr ${mac} dev ${reason.device} nud permanent on ${at.name}`,
      };
    }
    case 'no-forwarding-entry':
      return {
        cause: 'a forwarding entry of a tunnel is missing',
        responsible: `${at.name}: ${reason.device} has no forwarding entry for ${reason.mac}`,
        remedy: fdbRemedy(at, far, reason.device, reason.mac),
      };
    case 'other-tunnel-mac': {
      const step = way.steps.findLast((one) => one.kind === 'encapsulate');
      if (step !== undefined && isElsewhere(step, far)) return staleEntry(step, far);
      const next = routesOf(way).findLast(({ hop }) => hop.device === step?.device)?.hop.gateway;
      const address = next === undefined ? 'ADDRESS' : formatAddress(next);
      return {
        cause: 'a neighbour entry of a tunnel is stale: the other host has another MAC by now',
        responsible: `${step?.site.name ?? at.name}: neighbour ${address} lladdr ${reason.taken} dev ${step?.device ?? reason.device}; ${at.name} is ${reason.mac ?? 'another'}`,
        remedy: `ip neighbour replace ${address} lladdr ${reason.mac ?? 'MAC'} dev ${step?.device ?? reason.device} nud permanent, and bridge fdb replace ${reason.mac ?? 'MAC'} dev ${step?.device ?? reason.device} dst ${step === undefined ? 'HOST' : formatAddress(step.remote)} on ${step?.site.name ?? "the sender's host"}`,
      };
    }
    case 'no-tunnel-device':
    case 'out-of-sight':
    case 'delivered':
    case 'no-neighbour':
    case 'no-route':
    case 'not-forwarding':
    case 'loop': {
      const step = way.steps.findLast((one) => one.kind === 'encapsulate');
      if (step !== undefined && isElsewhere(step, far)) return staleEntry(step, far);
      if (reason.kind !== 'no-tunnel-device') return undefined;
      return {
        cause: 'a tunnel ends nowhere: the other host has no device for it',
        responsible: `${at.name}: no device takes VNI ${reason.vni}${reason.port === undefined ? '' : ` at port ${reason.port}`}`,
        remedy: `give both hosts the same VNI and port; ${step?.site.name ?? "the sender's host"} uses ${reason.vni}${reason.port === undefined ? '' : ` and ${reason.port}`}`,
      };
    }
    default:
      return undefined;
  }
}

type Encapsulation = Extract<WalkStep, { readonly kind: 'encapsulate' }>;

function isElsewhere({ remote }: Encapsulation, far: Site): boolean {
  return !holds(far, remote);
}

function holds({ state }: Site, address: Address): boolean {
  return state.addresses.some((row) => sameAddress(row.address, address));
}

function staleEntry({ site, device, entry, remote }: Encapsulation, far: Site): Explanation {
  return {
    cause: 'a forwarding entry of a tunnel is stale: it leads to another host',
    responsible: `${site.name}: fdb ${entry.mac} dev ${device} dst ${formatAddress(remote)}, which is not ${far.name}`,
    remedy: fdbRemedy(site, far, device, entry.mac),
  };
}

function fdbRemedy(site: Site, far: Site, device: string, mac: string): string {
  const local = tunnelOf(far, site.links.get(device));
  const remote =
    local?.kind.kind === 'vxlan' && local.kind.local !== undefined ? formatAddress(local.kind.local) : 'HOST';
  return `bridge fdb replace ${mac} dev ${device} dst ${remote} on ${site.name}`;
}

/** The device of a host that is of the same tunnel as one of another host. */
function tunnelOf(site: Site, like: Link | undefined): Link | undefined {
  return [...site.links.values()].find(
    ({ kind }) => kind.kind === 'vxlan' && like?.kind.kind === 'vxlan' && kind.vni === like.kind.vni,
  );
}
