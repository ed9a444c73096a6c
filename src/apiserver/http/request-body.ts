import type { IncomingMessage } from 'node:http';
import { parseYaml } from '../../error/yaml.ts';
import type { JsonValue } from '../json-value.ts';
import { findKind } from '../resource/resource-table.ts';
import { decodeProtobuf, openProtobufEnvelope } from '../schema/protobuf-decode.ts';
import { badRequest, StatusError } from '../status-error.ts';

/** A kube-apiserver's limit (`MaxRequestBodyBytes`). */
const BODY_LIMIT = 3 * 1024 * 1024;

/** The whole body. @throws StatusError 413 where it is too large. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    length += chunk.length;
    if (length > BODY_LIMIT) {
      throw new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${BODY_LIMIT}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Reads a body in JSON, or in YAML or protobuf where the media type says so; undefined for an empty one.
 * @throws StatusError 400 for text that can't be read, 415 for another media type.
 */
export function parseBody(body: Buffer, mediaType: string): JsonValue | undefined {
  if (body.length === 0) return undefined;
  if (mediaType.startsWith('application/vnd.kubernetes.protobuf')) return parseProtobuf(body);
  if (mediaType.includes('protobuf') || mediaType.includes('cbor')) {
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  }
  const text = body.toString('utf8');
  try {
    return mediaType.includes('yaml') && !text.trimStart().startsWith('{')
      ? (parseYaml('decode body', text) as JsonValue)
      : JSON.parse(text);
  } catch (error) {
    throw badRequest(`error decoding the request body: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Types that are posted and aren't resources of their own. */
const REQUEST_TYPES: ReadonlyMap<string, string> = new Map([
  ['v1 Binding', 'core.Binding'],
  ['v1 DeleteOptions', 'meta.DeleteOptions'],
  ['policy/v1 Eviction', 'policy.Eviction'],
  ['autoscaling/v1 Scale', 'autoscaling.Scale'],
  ['authentication.k8s.io/v1 SelfSubjectReview', 'authentication.SelfSubjectReview'],
  ['authentication.k8s.io/v1 TokenRequest', 'authentication.TokenRequest'],
  ['authorization.k8s.io/v1 SelfSubjectAccessReview', 'authorization.SelfSubjectAccessReview'],
]);

function parseProtobuf(body: Buffer): JsonValue {
  try {
    const { apiVersion, kind, raw } = openProtobufEnvelope(body);
    const bare = kind === 'DeleteOptions' ? 'v1' : apiVersion;
    const type = findKind(apiVersion, kind)?.type ?? REQUEST_TYPES.get(`${bare} ${kind}`);
    if (type === undefined) throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}"`);
    return { ...decodeProtobuf(type, raw), kind, apiVersion };
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw badRequest(`error decoding the request body: ${error instanceof Error ? error.message : String(error)}`);
  }
}
