import { type Address, parseAddress } from '../../address/address.ts';
import { parsePrefix, prefixContains } from '../../address/prefix.ts';
import type { NetworkState } from '../../host/network-state.ts';
import { LOCAL_TABLE } from '../../host/route.ts';
import { symbolValue } from '../../netfilter/symbol.ts';
import type { Flight, KernelView } from './flight.ts';
import { observePrefix, observeRoutes } from './observe-address.ts';
import { lookUpRoute } from './route-lookup.ts';
import { selectAddress } from './source-address.ts';
import { UNKNOWN, type Value } from './value.ts';

/** `linux/if_arp.h`: ARPHRD_ETHER, ARPHRD_LOOPBACK. */
const ARPHRD = { ether: 1, loopback: 772 } as const;
const MULTICAST = [parsePrefix('224.0.0.0/4'), parsePrefix('ff00::/8')];
const LOOPBACK = { 4: parseAddress('127.0.0.1'), 6: parseAddress('::1') } as const;

/** What rules ask of a namespace whose state is known. */
export function kernelView(state: NetworkState): KernelView {
  const links = new Map(state.links.map((link) => [link.name, link]));
  return {
    device(name) {
      const link = links.get(name);
      if (link === undefined) return undefined;
      const type = link.kind.kind === 'loopback' ? ARPHRD.loopback : ARPHRD.ether;
      return { index: link.index, type, group: link.group ?? 0 };
    },
    fib(selectors, result, flight) {
      const address = selectors.includes('saddr') ? flight.packet.source : flight.packet.destination;
      const bound = selectors.includes('iif')
        ? flight.inputDevice
        : selectors.includes('oif')
          ? flight.outputDevice
          : undefined;
      if (result === 'type') return addressType(state, address, bound);
      const device = deviceTowards(state, address, selectors.includes('mark') ? flight.mark : 0);
      if (device === UNKNOWN) return UNKNOWN;
      const found = device !== undefined && (bound === undefined || bound === device) ? device : undefined;
      if (result === 'oifname') return found ?? '';
      return found === undefined ? 0n : BigInt(links.get(found)?.index ?? 0);
    },
    masqueradeAddress: (flight) => masqueradeAddress(state, flight),
    redirectAddress(flight) {
      const { inputDevice, packet } = flight;
      if (inputDevice === undefined) return LOOPBACK[packet.source.family].value;
      return selectAddress(state, inputDevice, packet.destination)?.value ?? UNKNOWN;
    },
  };
}

/** Whether an address is the host's own, as its local table says; on one device only where `device` is given. */
function addressType(state: NetworkState, address: Address, device: string | undefined): Value {
  const type = (name: string) => BigInt(symbolValue('fib_addrtype', name) ?? 0);
  for (const prefix of MULTICAST) observePrefix(prefix, address);
  observeRoutes(state, address);
  if (MULTICAST.some((prefix) => prefixContains(prefix, address))) return type('multicast');
  for (const route of state.routes.find(address)) {
    if (route.table !== LOCAL_TABLE) continue;
    const on = route.nextHops[0]?.device;
    return device === undefined || on === device ? type(route.type) : type('unicast');
  }
  return type('unicast');
}

/** The device by which packets to an address leave; undefined where there is no way. */
function deviceTowards(state: NetworkState, address: Address, mark: number): string | undefined | typeof UNKNOWN {
  const answers = lookUpRoute(state, { destination: address, mark });
  const devices = new Set(answers.map(({ content }) => (content.kind === 'unicast' ? content.hop.device : undefined)));
  if (answers.some(({ content }) => content.kind === 'unknown') || devices.size > 1) return UNKNOWN;
  const [device] = devices;
  return device;
}

/** Of the device that packets leave by, the address that suits their next hop. */
function masqueradeAddress(state: NetworkState, { packet, outputDevice, mark }: Flight): Value {
  if (outputDevice === undefined) return UNKNOWN;
  const { destination } = packet;
  const [answer] = lookUpRoute(state, { destination, mark, outputDevice });
  const gateway = answer?.content.kind === 'unicast' ? answer.content.hop.gateway : undefined;
  const near = gateway !== undefined && gateway.family === destination.family ? gateway : destination;
  return selectAddress(state, outputDevice, near)?.value ?? UNKNOWN;
}
