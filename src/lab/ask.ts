import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { type Address, formatAddress, parseAddress } from '../address/address.ts';
import { linuxFamily } from '../address/family.ts';
import { parseBySchema, parsedText } from '../error/schema.ts';
import { checkCall, loadLibc } from '../kernel/libc.ts';
import { httpModule } from '../kube/node-http.ts';
import type { SocketNamespace } from '../probe/probe-server.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../probe/socket/socket-calls.ts';

/** Milliseconds for an answer. */
const PATIENCE = 10_000;

const end = v.object({
  address: parsedText((given: string) => parseAddress(given.replace(/^::ffff:/, ''))),
  port: v.number(),
});
const answerSchema = v.object({
  pod: v.string(),
  namespace: v.string(),
  node: v.string(),
  client: end,
  server: end,
});

/** What a built-in server says of a request. */
export type StandInReport = v.InferOutput<typeof answerSchema>;

export type Asked =
  /** `sentFrom`: the address that the sender's own socket had. */
  | { readonly kind: 'answered'; readonly sentFrom: Address; readonly body: string }
  /** Why nobody answered: the name of an errno, or `timeout`. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Asks an HTTP server from a network namespace, over a connection of its own. Never rejects but when aborted. */
export async function ask(
  namespace: SocketNamespace,
  address: Address,
  port: number,
  signal: AbortSignal,
): Promise<Asked> {
  const patience = AbortSignal.timeout(PATIENCE);
  const either = AbortSignal.any([signal, patience]);
  const fd = namespace.run(() =>
    checkCall(
      'open socket',
      loadLibc().socket(linuxFamily(address.family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
    ),
  );
  const socket = new net.Socket({ fd });
  try {
    socket.connect({ host: formatAddress(address), port });
    await once(socket, 'connect', { signal: either });
    const sentFrom = parseAddress(socket.localAddress ?? '');
    const request = httpModule.get({
      createConnection: () => socket,
      host: formatAddress(address),
      port,
      path: '/',
      headers: { accept: 'application/json', connection: 'close' },
      signal: either,
    });
    request.on('error', () => undefined); // an error of a request that nobody listens to ends the process
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    return { kind: 'answered', sentFrom, body: await text(response) };
  } catch (error) {
    signal.throwIfAborted();
    const reason = patience.aborted ? 'timeout' : (error as NodeJS.ErrnoException).code;
    if (reason === undefined) throw error;
    return { kind: 'failed', reason };
  } finally {
    socket.destroy();
  }
}

/** Reads the answer of a built-in server; undefined for that of anything else. */
export function parseStandInReport(body: string): StandInReport | undefined {
  if (!body.startsWith('{')) return undefined;
  return parseBySchema('read answer', answerSchema, JSON.parse(body));
}
