import { type Address, addressToBytes, addToAddress } from '../address/address.ts';
import type { Family } from '../address/family.ts';
import { type Mac, macFromBytes } from '../address/mac.ts';
import { defaultPrefix, hostPrefix, type InterfaceAddress, type Prefix, prefixOf } from '../address/prefix.ts';
import type { Change } from '../host/change.ts';
import { MAIN_TABLE, type Route } from '../host/route.ts';
import type { LabConfiguration, LabHostConfiguration, LabSubnet } from './lab-configuration.ts';

/** The name of the host outside, in `lab exec` and as its host name. */
export const INTERNET = 'internet';
/** Every host's only interface. */
export const UPLINK = 'eth0';

/** RTPROT_STATIC: the fabric's and the hosts' own routes are an administrator's. */
const STATIC = 4;
/**
 * Hosts of one subnet that resolve each other by ARP and neighbour discovery. Between more, entries that may be forgotten
 * would outgrow the one small table that all namespaces of a machine share (gc_thresh3), so that a larger subnet is a
 * fabric which knows its hosts: they and its router have permanent entries for each other.
 */
const RESOLVING_HOSTS = 8;

/** `linux/if.h`: IFNAMSIZ, less the terminating zero. */
const LONGEST_NAME = 15;

/**
 * What makes the fabric: a bridge for each subnet, a router between them (the fabric's namespace itself), the hosts'
 * uplinks, and a host outside that knows the way to the hosts and to no pod.
 */
export interface FabricPlan {
  /** In the fabric's namespace, before any host is connected. */
  readonly router: readonly Change[];
  /** By host, `internet` among them. */
  readonly hosts: ReadonlyMap<string, HostConnection>;
}

/** What connects one host, at its boot. */
export interface HostConnection {
  /** In the host's namespace, before the pair of links is made. */
  readonly before: readonly Change[];
  /** In the fabric's namespace: the pair, whose far end is in the host's namespace at the path given. */
  readonly link: (networkNamespace: string) => readonly Change[];
  /** In the host's namespace, after it. */
  readonly after: readonly Change[];
  /** Name of the link at the fabric's end: what to capture on. */
  readonly fabricLink: string;
}

/** The address of the fabric's router in a prefix: the first after the prefix's own. */
export function routerAddress(prefix: Prefix): Address {
  return addToAddress(prefix.address, 1);
}

/** Plans the fabric of a lab. */
export function planFabric(lab: LabConfiguration): FabricPlan {
  const names = linkNames([...lab.subnets.map(({ name }) => name), ...lab.hosts.map(({ name }) => name), INTERNET]);
  const hosts = new Map(lab.hosts.map((host) => [host.name, planHost(host, lab, names)]));
  if (lab.internet.length > 0) hosts.set(INTERNET, planInternet(lab));
  return { router: planRouter(lab, names), hosts };
}

function planRouter(lab: LabConfiguration, names: ReadonlyMap<string, string>): Change[] {
  return [
    sysctl('net.ipv4.ip_forward', '1'),
    sysctl('net.ipv6.conf.all.forwarding', '1'),
    // Checks sources as a cloud's fabric does: what comes from an address that isn't routed back there is dropped.
    sysctl('net.ipv4.conf.all.rp_filter', '1'),
    up('lo'),
    ...lab.serviceAddresses.map((address) => putAddress('lo', { address, length: hostPrefix(address).length })),
    ...lab.subnets.flatMap((subnet) => planSubnet(subnet, lab, names.get(subnet.name) ?? subnet.name)),
  ];
}

function planSubnet(subnet: LabSubnet, lab: LabConfiguration, device: string): Change[] {
  const mac = macOf(routerAddresses(subnet));
  const alias = `subnet ${subnet.name}`;
  return [
    { kind: 'add-link', link: { name: device, kind: { kind: 'bridge' }, mac, mtu: subnet.mtu, up: true, alias } },
    ...routerAddresses(subnet).map((address) => putAddress(device, address)),
    ...knownHosts(subnet, lab).flatMap(({ addresses }) => putNeighbours(device, addresses)),
  ];
}

function routerAddresses(subnet: LabSubnet): readonly InterfaceAddress[] {
  return subnet.prefixes.map((prefix) => ({ address: routerAddress(prefix), length: prefix.length }));
}

/** The hosts that a subnet's fabric knows; none where they resolve each other. */
function knownHosts(subnet: LabSubnet, lab: LabConfiguration): readonly LabHostConfiguration[] {
  const hosts = lab.hosts.filter((host) => host.subnet.name === subnet.name);
  return hosts.length > RESOLVING_HOSTS ? hosts : [];
}

function putNeighbours(device: string, addresses: readonly InterfaceAddress[]): Change[] {
  const mac = macOf(addresses);
  return addresses.map(({ address }) => ({
    kind: 'put-neighbour',
    neighbour: { device, address, mac, state: 'permanent' },
  }));
}

function planHost(
  host: LabHostConfiguration,
  lab: LabConfiguration,
  names: ReadonlyMap<string, string>,
): HostConnection {
  const { subnet } = host;
  const known = knownHosts(subnet, lab).filter(({ name }) => name !== host.name);
  const neighbours = known.length === 0 ? [] : [routerAddresses(subnet), ...known.map(({ addresses }) => addresses)];
  const fabricLink = names.get(host.name) ?? host.name;
  return {
    fabricLink,
    before: HOST_SYSCTLS,
    link: (namespace) => [
      uplink(fabricLink, namespace, macOf(host.addresses), subnet.mtu, `host ${host.name}`, names.get(subnet.name)),
    ],
    after: [
      ...connected(host.addresses, subnet.mtu),
      ...subnet.prefixes.map((prefix) => putRoute(defaultPrefix(prefix.address.family), routerAddress(prefix))),
      ...neighbours.flatMap((addresses) => putNeighbours(UPLINK, addresses)),
    ],
  };
}

function planInternet(lab: LabConfiguration): HostConnection {
  const gateways = new Map<Family, Address>(
    lab.internet.map(({ address, length }) => [address.family, routerAddress(prefixOf(address, length))]),
  );
  const nodePrefixes = lab.subnets.flatMap(({ prefixes }) => prefixes);
  return {
    fabricLink: INTERNET,
    before: HOST_SYSCTLS,
    link: (namespace) => [
      uplink(INTERNET, namespace, macOf(lab.internet), 1500, 'the host outside'),
      ...lab.internet.map(({ address, length }) =>
        putAddress(INTERNET, { address: routerAddress(prefixOf(address, length)), length }),
      ),
    ],
    after: [
      ...connected(lab.internet, 1500),
      ...nodePrefixes.flatMap((prefix) => {
        const gateway = gateways.get(prefix.address.family);
        return gateway === undefined ? [] : [putRoute(prefix, gateway)];
      }),
    ],
  };
}

/**
 * As Debian's systemd sets a host up: loose source checks; forwarding is left to whoever needs it. Nobody is asked for a
 * router: each question would cost every other host of the subnet an entry of the table of neighbours.
 */
const HOST_SYSCTLS: readonly Change[] = [
  sysctl('net.ipv4.conf.default.rp_filter', '2'),
  sysctl('net.ipv6.conf.default.router_solicitations', '0'),
];

function connected(addresses: readonly InterfaceAddress[], mtu: number): Change[] {
  return [
    up('lo'),
    { kind: 'update-link', link: { name: UPLINK, kind: { kind: 'pod-end' }, mtu, up: true } },
    ...addresses.map((address) => putAddress(UPLINK, address)),
  ];
}

function uplink(name: string, namespace: string, mac: Mac, mtu: number, alias: string, master?: string): Change {
  return {
    kind: 'add-link',
    link: {
      name,
      kind: { kind: 'veth', peer: { namespace, name: UPLINK, mac } },
      alias,
      mtu,
      up: true,
      ...(master !== undefined && { master }),
    },
  };
}

/** Locally administered, from the last four bytes of the first address: unique on the fabric and the same each time. */
function macOf([first]: readonly InterfaceAddress[]): Mac {
  const bytes = first === undefined ? [0, 0, 0, 1] : [...addressToBytes(first.address)].slice(-4);
  return macFromBytes(Uint8Array.from([0x02, 0xfa, ...bytes]));
}

/** A link for each name: the name itself where the kernel takes it. */
function linkNames(names: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set(['lo']);
  return new Map(
    names.map((name, index) => {
      const chosen = name.length <= LONGEST_NAME && !taken.has(name) ? name : `link${index}`;
      taken.add(chosen);
      return [name, chosen];
    }),
  );
}

function sysctl(key: string, value: string): Change {
  return { kind: 'set-sysctl', setting: { key, value } };
}

function up(name: string): Change {
  return { kind: 'update-link', link: { name, kind: { kind: 'pod-end' }, mtu: 65536, up: true } };
}

function putAddress(device: string, { address, length }: InterfaceAddress): Change {
  return { kind: 'put-address', address: { device, address, length, scope: 'global', noDad: true } };
}

function putRoute(destination: Prefix, gateway: Address): Change {
  const route: Route = {
    table: MAIN_TABLE,
    destination,
    type: 'unicast',
    nextHops: [{ gateway, device: UPLINK, weight: 1, onlink: false }],
    metric: gateway.family === 6 ? 1024 : 0,
    protocol: STATIC,
    scope: 'global',
  };
  return { kind: 'put-route', route };
}
