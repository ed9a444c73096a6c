import * as v from 'valibot';
import { describeIssues } from '../error/schema.ts';
import { CniError } from './cni-error.ts';
import { CNI_VERSIONS, type CniVersion, isCniVersion, parseCniVersion } from './version.ts';

const pluginSchema = v.looseObject({
  type: v.pipe(v.string(), v.nonEmpty('names no plugin')),
  capabilities: v.optional(v.record(v.string(), v.boolean()), {}),
});

const listSchema = v.looseObject({
  name: v.pipe(v.string(), v.nonEmpty('is empty')),
  cniVersion: v.optional(v.string()),
  cniVersions: v.optional(v.array(v.string()), []),
  // The specification wrote `"true"` before it wrote `true`.
  disableCheck: v.optional(v.union([v.boolean(), v.picklist(['true', 'false'])]), false),
  disableGC: v.optional(v.boolean(), false),
  plugins: v.pipe(v.array(pluginSchema), v.nonEmpty('lists no plugin')),
});

export type PluginConfiguration = Readonly<v.InferOutput<typeof pluginSchema>>;

/** A network as a runtime knows it: the plugins that make it, in order (a `.conflist`, or a `.conf` of one plugin). */
export interface NetworkList {
  readonly name: string;
  readonly cniVersion: CniVersion;
  readonly disableCheck: boolean;
  readonly disableGarbageCollection: boolean;
  readonly plugins: readonly PluginConfiguration[];
}

/**
 * Reads the text of a `.conflist`, or of a `.conf` that holds one plugin.
 * @throws CniError `decoding`, `invalid configuration` or `incompatible version`
 */
export function parseNetworkList(text: string, source: string): NetworkList {
  const parsed = v.safeParse(listSchema, asList(parseJson(text, source)));
  if (!parsed.success)
    throw new CniError('invalid configuration', {
      operation: 'read network configuration',
      message: `${source}: ${describeIssues(parsed.issues)}`,
    });
  const list = parsed.output;
  return {
    name: list.name,
    cniVersion: newestVersion([...(list.cniVersion === undefined ? [] : [list.cniVersion]), ...list.cniVersions]),
    disableCheck: list.disableCheck === true || list.disableCheck === 'true',
    disableGarbageCollection: list.disableGC,
    plugins: list.plugins,
  };
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CniError('decoding', {
      operation: 'read network configuration',
      message: `${source} is not JSON`,
      cause,
    });
  }
}

function asList(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('type' in value) || 'plugins' in value) return value;
  return {
    ...('name' in value ? { name: value.name } : {}),
    ...('cniVersion' in value ? { cniVersion: value.cniVersion } : {}),
    plugins: [value],
  };
}

/** Of the versions that a list names, the newest that we speak. */
function newestVersion(named: readonly string[]): CniVersion {
  const known = CNI_VERSIONS.filter((version) => named.includes(version));
  return known.at(-1) ?? parseCniVersion(named.find((version) => !isCniVersion(version)));
}
