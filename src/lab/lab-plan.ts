import { type Address, addToAddress, formatAddress, parseAddress } from '../address/address.ts';
import {
  formatPrefix,
  type InterfaceAddress,
  lastAddress,
  type Prefix,
  parseInterfaceAddress,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
} from '../address/prefix.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import { completeClusterConfiguration } from '../cluster/cluster-configuration-schema.ts';
import type { Wiring } from '../cni/attachment.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { LabConfiguration, LabHostConfiguration, LabSubnet } from './lab-configuration.ts';
import type { LabSpec } from './lab-file-schema.ts';
import type { ModelName } from './model/container-plan.ts';
import { planDockerModel } from './model/docker-model.ts';
import { planMarathonModel } from './model/marathon-model.ts';
import type { Publication } from './publication.ts';

/** What the command line says beside the lab file; it wins over the file. */
export interface LabOverrides {
  readonly model?: ModelName;
  /** Number of hosts, where the file lists none. */
  readonly hosts?: number;
  readonly backend?: ClusterConfiguration['backend'];
  /** Where the file says nothing of it. */
  readonly wiring?: Wiring;
  readonly publish?: readonly Publication[];
  readonly apiPort?: number;
}

const DEFAULT_HOSTS = 3;
/** The first host of a subnet is its address number 11, as the router is number 1. */
const FIRST_HOST = 10;
const DEFAULT_MTU = 1500;

const DEFAULT_SUBNETS = [
  { name: 'lan-1', prefixes: ['192.168.1.0/24', 'fd00:192:168:1::/64'].map(parsePrefix) },
  { name: 'lan-2', prefixes: ['192.168.2.0/24', 'fd00:192:168:2::/64'].map(parsePrefix) },
] as const;
/** Documentation addresses (RFC 5737, RFC 3849): public, and nobody's. */
const DEFAULT_INTERNET = ['203.0.113.10/24', '2001:db8:113::10/64'].map(parseInterfaceAddress);
const DEFAULT_SERVICE_ADDRESSES = ['192.168.0.1', 'fd00:192:168::1'].map(parseAddress);
const DEFAULT_CLUSTER_PREFIXES = ['10.244.0.0/16', 'fd00:10:244::/48'].map(parsePrefix);

/**
 * Fills in what a lab file leaves out: three hosts, two on one subnet and the third behind the router.
 * @throws FlatnetError `invalid` or `conflict` naming the field at fault
 */
export function planLab(spec: LabSpec = {}, overrides: LabOverrides = {}): LabConfiguration {
  const model = overrides.model ?? spec.model ?? 'kubernetes';
  if (model !== 'kubernetes') return planModel(model, spec, overrides);
  const families = spec.families ?? [4, 6];
  const isWanted = (item: Address) => families.includes(item.family);
  const wantedPrefixes = (prefixes: readonly Prefix[]) => prefixes.filter((prefix) => isWanted(prefix.address));
  const mtu = spec.mtu ?? DEFAULT_MTU;
  const subnets = (spec.subnets ?? DEFAULT_SUBNETS).map(
    (subnet): LabSubnet => ({
      name: subnet.name,
      prefixes: wantedPrefixes(subnet.prefixes),
      mtu: ('mtu' in subnet ? subnet.mtu : undefined) ?? mtu,
    }),
  );
  refuseDuplicates('spec.subnets', subnets);
  const backend = overrides.backend ?? spec.cluster?.backend;
  // By host-gw none reaches a host behind a router.
  const used = backend === 'host-gw' && spec.subnets === undefined ? subnets.slice(0, 1) : subnets;
  const hosts = planHosts(spec, overrides.hosts, used);
  refuseDuplicates('spec.hosts', hosts);
  refuseSharedAddresses(hosts);
  const cluster = completeClusterConfiguration({
    ...spec.cluster,
    ...(spec.cluster?.clusterPrefixes === undefined && { clusterPrefixes: wantedPrefixes(DEFAULT_CLUSTER_PREFIXES) }),
    ...(overrides.backend !== undefined && { backend: overrides.backend }),
  });
  const configuration: LabConfiguration = {
    families,
    subnets,
    hosts,
    cluster,
    wiring: spec.wiring ?? overrides.wiring ?? 'point-to-point',
    ...(spec.masquerade !== undefined && { masquerade: spec.masquerade }),
    internet: (spec.internet === false ? [] : (spec.internet ?? DEFAULT_INTERNET)).filter((item) =>
      isWanted(item.address),
    ),
    serviceAddresses: (spec.serviceAddresses ?? DEFAULT_SERVICE_ADDRESSES).filter(isWanted),
    apiPort: overrides.apiPort ?? spec.apiPort ?? 0,
    publish: [...(spec.publish ?? []), ...(overrides.publish ?? [])],
  };
  refuseOverlaps(configuration);
  return configuration;
}

/** A lab that is as its model says: nothing of it can be chosen but whether there is an outside. */
function planModel(
  model: Exclude<ModelName, 'kubernetes'>,
  { model: _model, internet, ...other }: LabSpec,
  { model: _chosen, ...overrides }: LabOverrides,
): LabConfiguration {
  const [given] = [...Object.keys(other).map((field) => `spec.${field}`), ...Object.keys(overrides)];
  if (given !== undefined)
    throw invalid(given, `the ${model} model has hosts, addresses and containers of its own`, `leave ${given} out`);
  const plan = model === 'docker' ? planDockerModel() : planMarathonModel();
  return {
    families: [4],
    ...plan,
    cluster: completeClusterConfiguration({}),
    wiring: 'bridge',
    internet: (internet === false ? [] : (internet ?? DEFAULT_INTERNET)).filter(({ address }) => address.family === 4),
    serviceAddresses: [],
    apiPort: 0,
    publish: [],
  };
}

function planHosts(spec: LabSpec, count: number | undefined, subnets: readonly LabSubnet[]): LabHostConfiguration[] {
  if (spec.hosts !== undefined && count !== undefined)
    throw invalid('--hosts', `${count} contradicts spec.hosts, which lists ${spec.hosts.length}`, 'use one of the two');
  const wanted: readonly NonNullable<LabSpec['hosts']>[number][] =
    spec.hosts ??
    Array.from({ length: count ?? DEFAULT_HOSTS }, (_, index) => ({
      name: `node-${index + 1}`,
      // Two of three stand on the first subnet, so that there are paths with and without a router.
      ...(subnets.length > 1 && index % 3 === 2 && { subnet: subnets[1]?.name ?? '' }),
    }));
  return wanted.map((host, index) => {
    const field = `spec.hosts.${index}`;
    const subnet = host.subnet === undefined ? subnets[0] : subnets.find(({ name }) => name === host.subnet);
    if (subnet === undefined)
      throw invalid(`${field}.subnet`, `${host.subnet} is no subnet of this lab`, `use one of ${namesOf(subnets)}`);
    return {
      name: host.name,
      subnet,
      addresses: hostAddresses(`${field}.addresses`, host.addresses, subnet, FIRST_HOST + index + 1),
      ...(host.zone !== undefined && { zone: host.zone }),
      labels: host.labels ?? {},
    };
  });
}

function hostAddresses(
  field: string,
  given: readonly Address[] | undefined,
  subnet: LabSubnet,
  number: number,
): InterfaceAddress[] {
  for (const address of given ?? [])
    if (!subnet.prefixes.some((prefix) => prefixContains(prefix, address)))
      throw invalid(
        field,
        `${formatAddress(address)} is not of subnet ${subnet.name}`,
        `choose it from ${subnet.prefixes.map(formatPrefix).join(' or ')}`,
      );
  const address = (prefix: Prefix): Address => {
    const chosen = given?.find((item) => item.family === prefix.address.family);
    if (chosen !== undefined) return chosen;
    // The eleventh host is ::11 too: its digits are read as hexadecimal.
    const next = addToAddress(prefix.address, prefix.address.family === 6 ? Number.parseInt(`${number}`, 16) : number);
    if (prefixContains(prefix, next) && next.value < lastAddress(prefix).value) return next;
    throw invalid(
      field,
      `subnet ${subnet.name} (${formatPrefix(prefix)}) has no address number ${number}`,
      'give the subnet a shorter prefix, or use more subnets',
    );
  };
  return [...subnet.prefixes]
    .sort((left, right) => left.address.family - right.address.family)
    .map((prefix) => ({ address: address(prefix), length: prefix.length }));
}

function refuseDuplicates(field: string, items: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of items) {
    if (seen.has(name)) throw invalid(field, `${name} stands there twice`, 'give each a name of its own');
    seen.add(name);
  }
}

function refuseSharedAddresses(hosts: readonly LabHostConfiguration[]): void {
  const owners = new Map<string, string>();
  for (const host of hosts)
    for (const { address } of host.addresses) {
      const text = formatAddress(address);
      const owner = owners.get(text);
      if (owner !== undefined)
        throw conflict(`host ${host.name} at ${text}`, `host ${owner}`, 'give each host an address of its own');
      owners.set(text, host.name);
    }
}

/** Ranges of one cluster must not meet: neither each other nor the fabric. */
function refuseOverlaps(lab: LabConfiguration): void {
  const ranges: readonly (readonly [string, Prefix])[] = [
    ...lab.cluster.clusterPrefixes.map((prefix) => ['spec.cluster.clusterPrefixes', prefix] as const),
    ...lab.cluster.servicePrefixes.map((prefix) => ['spec.cluster.servicePrefixes', prefix] as const),
    ...lab.subnets.flatMap(({ name, prefixes }) => prefixes.map((prefix) => [`subnet ${name}`, prefix] as const)),
  ];
  for (const [index, [field, prefix]] of ranges.entries())
    for (const [otherField, other] of ranges.slice(index + 1))
      if (prefixesOverlap(prefix, other))
        throw conflict(
          `${otherField} ${formatPrefix(other)}`,
          `${field} ${formatPrefix(prefix)}`,
          'change one of the two so that they share no address',
        );
}

const namesOf = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name).join(', ');

function invalid(field: string, message: string, remedy: string): FlatnetError {
  return new FlatnetError({ operation: 'plan lab', code: 'invalid', message: `${field}: ${message}`, remedy });
}

function conflict(one: string, other: string, remedy: string): FlatnetError {
  return new FlatnetError({ operation: 'plan lab', code: 'conflict', message: `${one} overlaps ${other}`, remedy });
}
