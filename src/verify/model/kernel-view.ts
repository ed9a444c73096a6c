import { type Address, parseAddress, sameAddress } from '../../address/address.ts';
import { parsePrefix, prefixContains } from '../../address/prefix.ts';
import type { LinkAddress, NetworkState } from '../../host/network-state.ts';
import { LOCAL_TABLE } from '../../host/route.ts';
import { symbolValue } from '../../netfilter/symbol.ts';
import type { Flight, KernelView } from './flight.ts';
import { observeOwnAddresses, observePrefix, observeRoutes } from './observe-address.ts';
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
      const { inputDevice, outputDevice, packet } = flight;
      const address = selectors.includes('saddr') ? packet.source : packet.destination;
      const bound = selectors.includes('iif') ? inputDevice : selectors.includes('oif') ? outputDevice : undefined;
      if (result === 'type') return addressType(state, address, bound, selectors, flight);
      // loopback packets have kept their route
      const device =
        inputDevice === 'lo' && outputDevice === undefined ? 'lo' : deviceTowards(state, address, selectors, flight);
      if (device === UNKNOWN) return UNKNOWN;
      const found = device !== undefined && (bound === undefined || bound === device) ? device : undefined;
      if (result === 'oifname') return found ?? '';
      return found === undefined ? 0n : BigInt(links.get(found)?.index ?? 0);
    },
    masqueradeAddress: (flight) => masqueradeAddress(state, flight),
    redirectAddress(flight) {
      const { inputDevice, packet } = flight;
      if (inputDevice === undefined) return LOOPBACK[packet.source.family].value;
      const isOwn = (row: LinkAddress) =>
        row.device === inputDevice && row.address.family === packet.source.family && row.scope === 'global';
      return state.addresses.find(isOwn)?.address.value ?? UNKNOWN;
    },
  };
}

type FibSelectors = Parameters<KernelView['fib']>[0];

const typeValue = (name: string): Value => BigInt(symbolValue('fib_addrtype', name) ?? 0);

/** What an address is to the host: of IPv4 as the local table says, on one device only where it is `bound`. */
function addressType(
  state: NetworkState,
  address: Address,
  bound: string | undefined,
  selectors: FibSelectors,
  flight: Flight,
): Value {
  if (address.family === 6) return addressTypeOfSix(state, address, bound, selectors, flight);
  for (const prefix of MULTICAST) observePrefix(prefix, address);
  observeRoutes(state, address);
  if (MULTICAST.some((prefix) => prefixContains(prefix, address))) return typeValue('multicast');
  for (const route of state.routes.find(address)) {
    if (route.table !== LOCAL_TABLE) continue;
    const on = route.nextHops[0]?.device;
    return bound === undefined || on === bound ? typeValue(route.type) : typeValue('unicast');
  }
  return typeValue('unicast');
}

/** Of IPv6 as the routes say (`nft_fib6_eval_type`). */
function addressTypeOfSix(
  state: NetworkState,
  address: Address,
  bound: string | undefined,
  selectors: FibSelectors,
  flight: Flight,
): Value {
  const types = new Set<Value>(
    lookUpRoute(state, queryOfFib(address, selectors, flight)).map(({ content }) => {
      switch (content.kind) {
        case 'none':
          return typeValue('unreachable');
        case 'local':
          return bound === undefined ? typeValue('local') : typeValue('unicast');
        case 'unknown':
          return UNKNOWN;
        default:
          return typeValue(content.kind);
      }
    }),
  );
  for (const prefix of MULTICAST) observePrefix(prefix, address);
  observeOwnAddresses(state, address);
  const [type = UNKNOWN] = types;
  const onDevice = state.addresses.some((row) => row.device === bound && sameAddress(row.address, address));
  if (types.size > 1) return UNKNOWN;
  const isThere = type === typeValue('unicast') || type === typeValue('local');
  if (isThere && onDevice) return typeValue('local');
  return isThere && MULTICAST.some((prefix) => prefixContains(prefix, address)) ? typeValue('multicast') : type;
}

/** The lookup of a fib expression: as if the packet, or of `saddr` its answer, began here. */
function queryOfFib(address: Address, selectors: FibSelectors, { packet, mark, outputDevice, inputDevice }: Flight) {
  const isBack = selectors.includes('saddr');
  const forwarded = isBack && selectors.includes('iif') && inputDevice !== undefined && outputDevice !== undefined;
  return {
    destination: address,
    source: isBack ? packet.destination : packet.source,
    mark: selectors.includes('mark') ? mark : 0,
    ...(forwarded && { inputDevice: outputDevice }),
  };
}

/** The device by which packets to an address leave; undefined where there is no way. */
function deviceTowards(
  state: NetworkState,
  address: Address,
  selectors: FibSelectors,
  flight: Flight,
): string | undefined | typeof UNKNOWN {
  const answers = lookUpRoute(state, queryOfFib(address, selectors, flight));
  const devices = new Set(answers.map(({ content }) => (content.kind === 'unicast' ? content.hop.device : undefined)));
  if (answers.some(({ content }) => content.kind === 'unknown') || devices.size > 1) return UNKNOWN;
  const [device] = devices;
  return device;
}

/** Of the device that packets leave by, the address that suits their next hop. */
function masqueradeAddress(state: NetworkState, { packet, outputDevice, nextHop }: Flight): Value {
  if (outputDevice === undefined) return UNKNOWN;
  const { destination } = packet;
  const near = nextHop?.family === 4 && destination.family === 4 ? nextHop : destination;
  return selectAddress(state, outputDevice, near)?.value ?? UNKNOWN;
}
