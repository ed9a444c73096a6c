import { FlatnetError } from '../error/flatnet-error.ts';
import type { CniReply, CniRequest } from './cni-request.ts';

/**
 * What the shim and the agent say to each other over a unix stream socket:
 *
 *     shim  → agent   version byte, then strings that each end with NUL: the name of the plugin, NAME=VALUE for every
 *                     CNI_ variable, an empty one; then stdin as it came, and the end of the stream (half-close)
 *     agent → shim    one byte of exit status, then stdout, and the end of the stream
 *
 * No lengths, so that a shim of a few lines of C can speak it; a request that was cut off lacks its empty string, or its
 * configuration is not JSON. The two are replaced one at a time, whence the version.
 */
export const SHIM_PROTOCOL_VERSION = 1;

/** Bytes; what runtimes send is a few thousand. */
export const LARGEST_REQUEST = 1 << 20;

/** A request as the shim sends it. */
export type ShimRequest = CniRequest & Required<Pick<CniRequest, 'plugin'>>;

export function formatShimRequest({ plugin, environment, stdin }: ShimRequest): Uint8Array {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}\0`);
  return Buffer.concat([
    Uint8Array.of(SHIM_PROTOCOL_VERSION),
    Buffer.from(`${plugin}\0${variables.join('')}\0`),
    Buffer.from(stdin),
  ]);
}

/** Reads what formatShimRequest, or the shim, wrote. @throws FlatnetError `invalid`, `unsupported` */
export function parseShimRequest(bytes: Uint8Array): ShimRequest {
  if (bytes[0] !== SHIM_PROTOCOL_VERSION)
    throw new FlatnetError({
      operation: 'read CNI request',
      code: 'unsupported',
      message: `the CNI executable speaks version ${bytes[0]}, and the agent version ${SHIM_PROTOCOL_VERSION}`,
      remedy: 'install the executable anew: the agent does so when it starts',
    });
  const strings: string[] = [];
  let position = 1;
  for (;;) {
    const end = bytes.indexOf(0, position);
    if (end < 0)
      throw new FlatnetError({
        operation: 'read CNI request',
        code: 'invalid',
        message: 'the request was cut off before its configuration',
      });
    const text = Buffer.from(bytes.subarray(position, end)).toString();
    position = end + 1;
    // The first string may be empty, and is the plugin's name all the same.
    if (text === '' && strings.length > 0) break;
    strings.push(text);
  }
  const [plugin = '', ...variables] = strings;
  return { plugin, environment: Object.fromEntries(variables.map(splitVariable)), stdin: textFrom(bytes, position) };
}

function splitVariable(variable: string): [string, string] {
  const equals = variable.indexOf('=');
  return equals < 0 ? [variable, ''] : [variable.slice(0, equals), variable.slice(equals + 1)];
}

function textFrom(bytes: Uint8Array, position: number): string {
  return Buffer.from(bytes.subarray(position)).toString();
}

export function formatShimReply({ exit, stdout }: CniReply): Uint8Array {
  return Buffer.concat([Uint8Array.of(exit), Buffer.from(stdout)]);
}

/** Reads what formatShimReply wrote; undefined where the agent ended before it answered. */
export function parseShimReply(bytes: Uint8Array): CniReply | undefined {
  const exit = bytes[0];
  return exit === undefined ? undefined : { exit, stdout: textFrom(bytes, 1) };
}
