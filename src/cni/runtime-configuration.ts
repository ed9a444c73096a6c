import * as v from 'valibot';
import type { Address } from '../address/address.ts';
import { parseAddress } from '../address/address.ts';
import { type Mac, parseMac } from '../address/mac.ts';
import { describeIssues } from '../error/schema.ts';
import type { BandwidthLimit, PortMapping } from './attachment.ts';
import { addressOf } from './cni-arguments.ts';
import { CniError } from './cni-error.ts';

const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
/** Bits a second, or bits; 0 and absent are no limit. */
const amount = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0);

/** Capabilities: CONVENTIONS.md of CNI, "Well-known Capabilities". */
const runtimeSchema = v.looseObject({
  portMappings: v.nullish(
    v.array(
      v.object({
        hostPort: port,
        containerPort: port,
        protocol: v.pipe(
          v.optional(v.string(), 'tcp'),
          v.transform((text) => text.toLowerCase()),
          v.picklist(['tcp', 'udp', 'sctp']),
        ),
        hostIP: v.optional(v.string(), ''),
      }),
    ),
  ),
  bandwidth: v.nullish(
    v.object({ ingressRate: amount, ingressBurst: amount, egressRate: amount, egressBurst: amount }),
  ),
  ips: v.nullish(v.array(v.string())),
  mac: v.nullish(v.string()),
});

/** What the runtime asks for by capabilities. */
export interface RuntimeConfiguration {
  readonly portMappings: readonly PortMapping[];
  readonly bandwidth?: BandwidthLimit;
  readonly addresses: readonly Address[];
  readonly mac?: Mac;
}

/**
 * Reads `runtimeConfig`.
 * @throws CniError `unsupported field` for ipRanges, `invalid configuration`; FlatnetError `invalid` for an address
 */
export function parseRuntimeConfiguration(value: unknown): RuntimeConfiguration {
  const parsed = v.safeParse(runtimeSchema, value);
  if (!parsed.success)
    throw new CniError('invalid configuration', {
      operation: 'read runtimeConfig',
      message: describeIssues(parsed.issues),
    });
  const { portMappings, bandwidth, ips, mac, ipRanges } = parsed.output;
  if (Array.isArray(ipRanges) && ipRanges.length > 0)
    throw new CniError('unsupported field', {
      operation: 'read runtimeConfig',
      message: "ipRanges is set, and pods get addresses of the node's own prefixes only",
      remedy: 'take ipRanges out of the capabilities in the network configuration',
    });
  const limits = Object.entries(bandwidth ?? {}).filter(([, bits]) => bits > 0);
  return {
    portMappings: (portMappings ?? []).map(portMapping),
    ...(limits.length > 0 && { bandwidth: Object.fromEntries(limits) }),
    addresses: (ips ?? []).map(addressOf),
    ...(mac && { mac: parseMac(mac) }),
  };
}

/** 0.0.0.0 and :: say no more than no address does. */
function portMapping({ hostIP, ...mapping }: PortMappingText): PortMapping {
  const address = hostIP === '' ? undefined : parseAddress(hostIP);
  return address === undefined || address.value === 0n ? mapping : { ...mapping, hostIP: address };
}

type PortMappingText = Omit<PortMapping, 'hostIP'> & { readonly hostIP: string };
