import * as v from 'valibot';
import { formatPrefix, type Prefix, parsePrefix } from '../address/prefix.ts';
import { parseBySchema, parsedText } from '../error/schema.ts';
import { formatYaml, parseYaml } from '../error/yaml.ts';

/** ip-masq-agent's configuration file. */
export interface MasqueradeConfiguration {
  /** Destinations that pods reach under their own addresses. */
  readonly nonMasqueradeCIDRs: readonly Prefix[];
  /** Link-local destinations, 169.254.0.0/16 and fe80::/10, are masqueraded too. */
  readonly masqLinkLocal: boolean;
  readonly masqLinkLocalIPv6: boolean;
  /** How often ip-masq-agent reads the file; we read it when it changes. Kept as it is written: `60s`. */
  readonly resyncInterval: string;
}

/** What ip-masq-agent takes where the file doesn't say: RFC 1918. */
const DEFAULT_CIDRS: readonly Prefix[] = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(parsePrefix);

/** Not strict: ip-masq-agent passes over fields that it doesn't know, and its files must stay usable. */
const schema = v.object({
  nonMasqueradeCIDRs: v.optional(v.nullable(v.array(parsedText(parsePrefix)))),
  masqLinkLocal: v.optional(v.boolean(), false),
  masqLinkLocalIPv6: v.optional(v.boolean(), false),
  resyncInterval: v.optional(v.string(), '60s'),
});

/**
 * Parses the file, YAML or JSON; an empty one has all defaults, an empty list is a list of nothing.
 * @throws FlatnetError `invalid`
 */
export function parseMasqueradeConfiguration(text: string): MasqueradeConfiguration {
  const operation = 'read ip-masq-agent configuration';
  const { nonMasqueradeCIDRs, ...rest } = parseBySchema(operation, schema, parseYaml(operation, text) ?? {});
  return { nonMasqueradeCIDRs: nonMasqueradeCIDRs ?? DEFAULT_CIDRS, ...rest };
}

/** The file's text, as YAML. */
export function formatMasqueradeConfiguration(configuration: MasqueradeConfiguration): string {
  return formatYaml({ ...configuration, nonMasqueradeCIDRs: configuration.nonMasqueradeCIDRs.map(formatPrefix) });
}
