import * as v from 'valibot';
import { FAMILIES, FAMILY_BITS } from '../address/family.ts';
import { formatPrefix, type Prefix, parsePrefix, prefixesOverlap } from '../address/prefix.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { parseBySchema, parsedText } from '../error/schema.ts';
import type { ClusterConfiguration } from './cluster-configuration.ts';

const prefixes = v.array(parsedText(parsePrefix));

const length = (family: 4 | 6) =>
  v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      // A node's prefix holds at least its own first address and one for a pod.
      v.maxValue(FAMILY_BITS[family] - 2, `a node needs a /${FAMILY_BITS[family] - 2} or shorter`),
    ),
  );

/** The cluster-wide fields of a configuration file, as written: nothing filled in. */
export const clusterConfigurationFields = {
  clusterPrefixes: v.optional(prefixes),
  servicePrefixes: v.optional(prefixes),
  nodePrefixLength: v.optional(v.strictObject({ 4: length(4), 6: length(6) })),
  backend: v.optional(v.picklist(['auto', 'host-gw', 'vxlan', 'cloud'])),
};

const schema = v.strictObject(clusterConfigurationFields);

export type ClusterConfigurationFields = v.InferOutput<typeof schema>;

const DEFAULT_CLUSTER_PREFIXES = ['10.244.0.0/16', 'fd00:10:244::/48'].map(parsePrefix);
const DEFAULT_SERVICE_PREFIXES = ['10.96.0.0/16', 'fd00:10:96::/108'].map(parsePrefix);
const DEFAULT_NODE_PREFIX_LENGTH = { 4: 24, 6: 64 } as const;

/** As in kube-controller-manager, which cuts IPv6 ranges into no more than 2^16 prefixes. */
const MOST_INDEX_BITS = 16;

/** Ranges whose addresses mean something else to every host (RFC 6890). */
const RESERVED = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/8', 'fe80::/10', 'ff00::/8'].map(
  parsePrefix,
);

/**
 * The cluster-wide part of a configuration, from parsed YAML or JSON.
 * @throws FlatnetError `invalid` that names the field, its value and the remedy
 */
export function parseClusterConfiguration(input: unknown): ClusterConfiguration {
  return completeClusterConfiguration(parseBySchema('read cluster configuration', schema, input ?? {}));
}

/** Fills in the defaults, in the families that are in use, and validates the whole. @throws FlatnetError `invalid` */
export function completeClusterConfiguration(fields: ClusterConfigurationFields): ClusterConfiguration {
  const clusterPrefixes = fields.clusterPrefixes ?? DEFAULT_CLUSTER_PREFIXES;
  const families = clusterPrefixes.map(({ address }) => address.family);
  const configuration = {
    clusterPrefixes,
    servicePrefixes:
      fields.servicePrefixes ?? DEFAULT_SERVICE_PREFIXES.filter(({ address }) => families.includes(address.family)),
    nodePrefixLength: {
      4: fields.nodePrefixLength?.[4] ?? DEFAULT_NODE_PREFIX_LENGTH[4],
      6: fields.nodePrefixLength?.[6] ?? DEFAULT_NODE_PREFIX_LENGTH[6],
    },
    backend: fields.backend ?? 'auto',
  } satisfies ClusterConfiguration;
  checkClusterConfiguration(configuration);
  return configuration;
}

/** @throws FlatnetError `invalid` where the ranges of a configuration can't be used together */
export function checkClusterConfiguration(configuration: ClusterConfiguration): void {
  const { clusterPrefixes, servicePrefixes } = configuration;
  if (clusterPrefixes.length === 0)
    throw invalid('clusterPrefixes is empty', 'name a range for pods, such as 10.244.0.0/16');
  for (const [field, ranges] of Object.entries({ clusterPrefixes, servicePrefixes })) {
    checkFamilies(field, ranges);
    for (const range of ranges) checkReserved(field, range);
  }
  for (const cluster of clusterPrefixes) {
    checkNodePrefixLength(configuration, cluster);
    const service = servicePrefixes.find((other) => prefixesOverlap(cluster, other));
    if (service !== undefined)
      throw invalid(
        `clusterPrefixes: ${formatPrefix(cluster)} overlaps servicePrefixes: ${formatPrefix(service)}`,
        'choose a range for services that shares no address with the range for pods',
      );
  }
}

function checkFamilies(field: string, ranges: readonly Prefix[]): void {
  for (const family of FAMILIES) {
    const texts = ranges.filter(({ address }) => address.family === family).map(formatPrefix);
    if (texts.length > 1)
      throw invalid(`${field} has ${texts.length} IPv${family} ranges: ${texts.join(', ')}`, 'keep one a family');
  }
}

function checkReserved(field: string, range: Prefix): void {
  const reserved = RESERVED.find((other) => prefixesOverlap(range, other));
  if (reserved !== undefined)
    throw invalid(
      `${field}: ${formatPrefix(range)} overlaps ${formatPrefix(reserved)}, which no host routes`,
      'choose a private range, such as 10.244.0.0/16 or fd00:10:244::/48',
    );
}

function checkNodePrefixLength({ nodePrefixLength }: ClusterConfiguration, cluster: Prefix): void {
  const { family } = cluster.address;
  const length = nodePrefixLength[family];
  const field = `nodePrefixLength.${family}: /${length}`;
  const most = Math.min(family === 6 ? cluster.length + MOST_INDEX_BITS : 32, FAMILY_BITS[family] - 2);
  if (length < cluster.length)
    throw invalid(
      `${field} is larger than the whole range ${formatPrefix(cluster)} of clusterPrefixes`,
      `set it between ${cluster.length} and ${most}`,
    );
  if (length > most)
    throw invalid(
      `${field} cuts ${formatPrefix(cluster)} of clusterPrefixes into too many prefixes, or too small ones`,
      `set it between ${cluster.length} and ${most}`,
    );
}

function invalid(message: string, remedy: string): FlatnetError {
  return new FlatnetError({ operation: 'read cluster configuration', code: 'invalid', message, remedy });
}
