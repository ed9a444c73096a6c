import * as v from 'valibot';
import { formatAddress, parseAddress } from '../../address/address.ts';
import { parseBySchema, parsedText } from '../../error/schema.ts';
import type { DeclaredPath } from '../declared-path.ts';

/** Its `kind` in cluster.json. */
export const DECLARED_PATH_KIND = 'DeclaredPath';

const schema = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.strictObject({
    from: v.string(),
    protocol: v.picklist(['tcp', 'udp']),
    address: parsedText(parseAddress),
    port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535)),
    to: v.string(),
  }),
});

/** Reads a declared path from the object that stands for it in cluster.json. @throws FlatnetError `invalid` */
export function parseDeclaredPath(object: unknown): DeclaredPath {
  const { metadata, spec } = parseBySchema('read cluster.json', schema, object);
  return { name: metadata.name, ...spec };
}

/** The object that parseDeclaredPath reads. */
export function formatDeclaredPath({ name, address, ...rest }: DeclaredPath): object {
  return {
    apiVersion: 'flatnet.io/v1',
    kind: DECLARED_PATH_KIND,
    metadata: { name },
    spec: { ...rest, address: formatAddress(address) },
  };
}
