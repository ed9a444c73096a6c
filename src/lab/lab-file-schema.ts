import * as v from 'valibot';
import { parseAddress } from '../address/address.ts';
import { parseInterfaceAddress, parsePrefix } from '../address/prefix.ts';
import { clusterConfigurationFields } from '../cluster/cluster-configuration-schema.ts';
import { parsedText } from '../error/schema.ts';
import { parsePublication } from './publication.ts';

const name = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name has lower-case letters, digits and dashes'),
);

const mtu = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1280, 'an MTU is at least 1280, the smallest for IPv6'),
  v.maxValue(65535),
);

const prefixes = v.array(parsedText(parsePrefix));

const subnet = v.strictObject({ name, prefixes, mtu: v.optional(mtu) });

const host = v.strictObject({
  name,
  subnet: v.optional(name),
  addresses: v.optional(v.array(parsedText(parseAddress))),
  zone: v.optional(v.string()),
  labels: v.optional(v.record(v.string(), v.string())),
});

/** The document `kind: Lab` of a lab file, as written: nothing filled in. Its fields are told in docs/lab-file.md. */
export const labDocumentSchema = v.strictObject({
  apiVersion: v.literal('flatnet.io/v1'),
  kind: v.literal('Lab'),
  metadata: v.optional(v.strictObject({ name: v.optional(name) })),
  spec: v.optional(
    v.strictObject({
      model: v.optional(v.picklist(['kubernetes', 'docker', 'marathon'])),
      families: v.optional(v.pipe(v.array(v.picklist([4, 6])), v.minLength(1, 'at least one family is needed'))),
      subnets: v.optional(v.pipe(v.array(subnet), v.minLength(1, 'at least one subnet is needed'))),
      hosts: v.optional(v.pipe(v.array(host), v.minLength(1, 'at least one host is needed'))),
      mtu: v.optional(mtu),
      cluster: v.optional(v.strictObject(clusterConfigurationFields)),
      wiring: v.optional(v.picklist(['point-to-point', 'bridge'])),
      masquerade: v.optional(v.record(v.string(), v.unknown())),
      internet: v.optional(v.union([v.literal(false), v.array(parsedText(parseInterfaceAddress))])),
      serviceAddresses: v.optional(v.array(parsedText(parseAddress))),
      apiPort: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65535))),
      defaultPods: v.optional(v.boolean()),
      publish: v.optional(v.array(parsedText(parsePublication))),
    }),
  ),
});

export type LabDocument = v.InferOutput<typeof labDocumentSchema>;
export type LabSpec = NonNullable<LabDocument['spec']>;
