import * as v from 'valibot';
import { describeIssues } from '../error/schema.ts';
import { CniError } from './cni-error.ts';
import { isCniName } from './environment.ts';
import { type CniVersion, parseCniVersion } from './version.ts';

const configurationSchema = v.looseObject({
  cniVersion: v.optional(v.string()),
  name: v.pipe(
    v.string('must be the name of the network'),
    v.check(isCniName, 'must be letters, digits, "_", "." and "-", the first a letter or digit'),
  ),
  type: v.optional(v.string()),
  ipam: v.optional(v.looseObject({ type: v.optional(v.string(), '') })),
  dns: v.nullish(v.record(v.string(), v.unknown())),
  runtimeConfig: v.nullish(v.record(v.string(), v.unknown())),
  prevResult: v.optional(v.unknown()),
  'cni.dev/valid-attachments': v.nullish(v.array(v.object({ containerID: v.string(), ifname: v.string() }))),
});

/** What a plugin gets on stdin. What only some commands need is read when one does: DEL minds no broken prevResult. */
export interface NetworkConfiguration {
  readonly cniVersion: CniVersion;
  readonly name: string;
  /** Type of the IPAM plugin that is asked for. */
  readonly ipam?: string;
  /** Handed on to the result. */
  readonly dns: Readonly<Record<string, unknown>>;
  /** Capability arguments; see parseRuntimeConfiguration. */
  readonly runtimeConfiguration: unknown;
  /** The result of the plugin before, or of the chain's ADD; see parseResult. */
  readonly previousResult?: unknown;
  /** For GC. */
  readonly validAttachments?: readonly { readonly containerId: string; readonly interfaceName: string }[];
}

/** @throws CniError `decoding`, `invalid configuration`, `incompatible version` */
export function parseNetworkConfiguration(text: string): NetworkConfiguration {
  const parsed = v.safeParse(configurationSchema, parseJson(text));
  if (!parsed.success) throw invalid(describeIssues(parsed.issues));
  const configuration = parsed.output;
  const cniVersion = parseCniVersion(configuration.cniVersion);
  const valid = configuration['cni.dev/valid-attachments'];
  return {
    cniVersion,
    name: configuration.name,
    ...(configuration.ipam !== undefined && { ipam: configuration.ipam.type }),
    dns: configuration.dns ?? {},
    runtimeConfiguration: configuration.runtimeConfig ?? {},
    ...('prevResult' in configuration && { previousResult: configuration.prevResult }),
    ...(valid && {
      validAttachments: valid.map(({ containerID, ifname }) => ({ containerId: containerID, interfaceName: ifname })),
    }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CniError('decoding', {
      operation: 'read network configuration',
      message: text.trim() === '' ? 'stdin is empty' : 'stdin is not JSON',
      cause,
    });
  }
}

function invalid(message: string): CniError {
  return new CniError('invalid configuration', { operation: 'read network configuration', message });
}
