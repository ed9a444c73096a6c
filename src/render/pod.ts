import { type Address, parseAddress, sameAddress } from '../address/address.ts';
import { FAMILY_BITS, type Family } from '../address/family.ts';
import type { Mac } from '../address/mac.ts';
import { defaultPrefix, hostPrefix, prefixContains } from '../address/prefix.ts';
import type { Attachment } from '../cni/attachment.ts';
import type { NamespaceChanges } from '../host/change.ts';
import { EMPTY_NETWORK, OWNED, type OwnedNetwork } from '../host/owned-state.ts';
import { diffStates } from '../host/state-diff.ts';
import { deviceSysctl } from '../host/sysctl-key.ts';
import type { Chain, Table } from '../netfilter/node.ts';
import type { NodePlan } from '../plan/node-plan.ts';
import { addressOf } from '../plan/peer-directory.ts';
import { renderBandwidth } from './bandwidth.ts';
import { BRIDGE, bridgeAddress, bridgeMac } from './bridge.ts';
import { ownNeighbour, ownRoute } from './own-route.ts';
import { ownTable } from './own-table.ts';
import { spoofingGuard } from './spoofing-guard.ts';

/** What pods of one node have in common; a NodePlan is one. */
export type PodSurroundings = Pick<NodePlan, 'addresses' | 'podPrefixes'>;

/** What must be ours for one pod interface: on the host, and in the pod's namespace. */
export interface RenderedPod {
  readonly host: OwnedNetwork;
  readonly pod: OwnedNetwork;
}

/** One address of a pod, and its way out as far as the pod can see. */
interface PodAddress {
  readonly address: Address;
  /** Of the prefix that is on the pod's link. */
  readonly length: number;
  readonly gateway: Address;
  readonly gatewayMac: Mac;
}

/** MAC of the host's end of every point-to-point pair: the pod's permanent neighbour, whoever makes the pair. */
export const POINT_TO_POINT_MAC: Mac = 'ee:ee:ee:ee:ee:ee';

/** Link-local, the same on every pod's link; nobody bears them. */
const LINK_LOCAL_GATEWAYS: Readonly<Record<Family, Address>> = {
  4: parseAddress('169.254.1.1'),
  6: parseAddress('fe80::1'),
};

/**
 * One pod interface; the cost depends on nothing but the attachment.
 *
 * Point to point: the host has a route to each of the pod's addresses and a permanent neighbour behind it; the pod has a
 * host address and sends everything, its own node and the pod next door included, to a link-local gateway that exists as
 * a permanent neighbour only. The host's end bears no address: nobody asks for one, since nobody has to resolve any, so
 * neither proxy ARP nor duplicate address detection comes into it. The host takes what is for itself and routes the rest.
 * The way back is the way there for every packet, so a strict rp_filter has nothing to object to.
 *
 * Bridge: the host's end is a port of `cbr0`, hairpin on for services that lead back to the asking pod. The host finds
 * its pods by the route to the whole prefix, and they it by the bridge's own address.
 */
export function renderPod(attachment: Attachment, surroundings: PodSurroundings): RenderedPod {
  const guard = spoofingGuard(attachment);
  const [wired, addresses] =
    attachment.wiring === 'bridge'
      ? [bridgedHostEnd(attachment, surroundings), bridgedAddresses(attachment, surroundings)]
      : [pointToPointHostEnd(attachment, surroundings), pointToPointAddresses(attachment)];
  const bandwidth = renderBandwidth(attachment);
  return {
    host: { ...wired, tables: [guardTable(guard === undefined ? [] : [guard])], queueDisciplines: bandwidth.host },
    pod: { ...podEnd(attachment, addresses), queueDisciplines: bandwidth.pod },
  };
}

/** Stands on every node, pods or none: without a pod's chain it registers no hook and costs nothing. */
export function guardTable(chains: readonly Chain[]): Table {
  return ownTable('netdev', { chains });
}

/** What stays on the host where no pod is: what a pod's part is compared with when it comes or goes. */
const NO_POD: OwnedNetwork = { ...EMPTY_NETWORK, tables: [guardTable([])] };

/**
 * The steps by which one pod's interface comes, changes or goes, without a look at anything else on the node: the
 * difference between its part of the node's state before and after, taken by the code that compares whole nodes.
 */
export function diffPod(
  before: Attachment | undefined,
  after: Attachment | undefined,
  surroundings: PodSurroundings,
): NamespaceChanges[] {
  const rendered = (attachment: Attachment | undefined) => {
    if (attachment === undefined) return { host: NO_POD, pods: new Map<string, OwnedNetwork>() };
    const { host, pod } = renderPod(attachment, surroundings);
    return { host, pods: new Map([[attachment.namespacePath, pod]]) };
  };
  return diffStates(rendered(before), rendered(after));
}

function hostEnd(attachment: Attachment): OwnedNetwork['links'][number] {
  const { containerId, interfaceName, hostLink, namespacePath, mac, mtu } = attachment;
  return {
    name: hostLink,
    kind: { kind: 'veth', peer: { namespace: namespacePath, name: interfaceName, mac } },
    alias: `${OWNED.alias}:pod ${containerId} ${interfaceName}`,
    mtu,
    up: true,
  };
}

function pointToPointHostEnd(attachment: Attachment, { addresses }: PodSurroundings): OwnedNetwork {
  const { hostLink: device, mac, allowSpoofing } = attachment;
  return {
    ...EMPTY_NETWORK,
    links: [{ ...hostEnd(attachment), mac: POINT_TO_POINT_MAC }],
    routes: attachment.addresses.map((address) => {
      const source = addressOf(addresses, address.family);
      return ownRoute(hostPrefix(address), { device, ...(source !== undefined && { source }) });
    }),
    neighbours: attachment.addresses.map((address) => ownNeighbour(device, address, mac)),
    sysctls: allowSpoofing === true ? [{ key: deviceSysctl(4, device, 'rp_filter'), value: '0' }] : [],
  };
}

function pointToPointAddresses({ addresses }: Attachment): readonly PodAddress[] {
  return addresses.map((address) => ({
    address,
    length: FAMILY_BITS[address.family],
    gateway: LINK_LOCAL_GATEWAYS[address.family],
    gatewayMac: POINT_TO_POINT_MAC,
  }));
}

/** An address that isn't of the node's prefix, since that has changed, has a route of its own. */
function bridgedHostEnd(attachment: Attachment, { podPrefixes }: PodSurroundings): OwnedNetwork {
  const { addresses, mac } = attachment;
  const outside = addresses.filter((address) => !podPrefixes.some((prefix) => prefixContains(prefix, address)));
  return {
    ...EMPTY_NETWORK,
    links: [{ ...hostEnd(attachment), master: BRIDGE, port: { hairpin: true, isolated: false, learning: true } }],
    routes: outside.map((address) => ownRoute(hostPrefix(address), { device: BRIDGE })),
    neighbours: addresses.map((address) => ownNeighbour(BRIDGE, address, mac)),
  };
}

function bridgedAddresses({ addresses }: Attachment, { podPrefixes }: PodSurroundings): readonly PodAddress[] {
  const gatewayMac = bridgeMac(podPrefixes);
  return addresses.map((address) => {
    const prefix = podPrefixes.find((one) => prefixContains(one, address));
    if (prefix !== undefined) return { address, length: prefix.length, gateway: bridgeAddress(prefix), gatewayMac };
    const { family } = address;
    return { address, length: FAMILY_BITS[family], gateway: LINK_LOCAL_GATEWAYS[family], gatewayMac };
  });
}

/** What pods' default routes go by, one for each family of the node's prefixes. */
export function podGateways({ podPrefixes, wiring }: Pick<NodePlan, 'podPrefixes' | 'wiring'>): readonly Address[] {
  return podPrefixes.map((prefix) =>
    wiring === 'bridge' ? bridgeAddress(prefix) : LINK_LOCAL_GATEWAYS[prefix.address.family],
  );
}

/**
 * The pod's end. IPv6 is switched on, since some runtimes switch it off in new namespaces, and its addresses skip
 * duplicate address detection: they were given out once, and are usable at once. No router is asked for: the gateway
 * is known, and whoever asks becomes an entry in the host's neighbour table.
 */
function podEnd({ interfaceName: device, mac, mtu }: Attachment, addresses: readonly PodAddress[]): OwnedNetwork {
  const hasIPv6 = addresses.some(({ address }) => address.family === 6);
  return {
    ...EMPTY_NETWORK,
    links: [{ name: device, kind: { kind: 'pod-end' }, mac, mtu, up: true }],
    addresses: addresses.map(({ address, length }) => ({
      device,
      address,
      length,
      scope: 'global',
      ...(address.family === 6 && { noDad: true }),
    })),
    neighbours: addresses.map(({ gateway, gatewayMac }) => ownNeighbour(device, gateway, gatewayMac)),
    routes: addresses.map(({ address, gateway }) => {
      // IPv6 takes a link-local gateway for on the link by itself
      const onlink = sameAddress(gateway, LINK_LOCAL_GATEWAYS[4]);
      return ownRoute(defaultPrefix(address.family), { device, gateway, onlink });
    }),
    sysctls: hasIPv6 ? IPV6_SETTINGS.map(([name, value]) => ({ key: deviceSysctl(6, device, name), value })) : [],
  };
}

const IPV6_SETTINGS = [
  ['disable_ipv6', '0'],
  ['accept_dad', '0'],
  ['accept_ra', '0'],
] as const;
