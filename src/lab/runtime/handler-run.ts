import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import tls from 'node:tls';
import { tryParseAddress } from '../../address/address.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';
import type { SocketNamespace } from '../../probe/probe-server.ts';
import type { SocketPoller } from '../../probe/socket/socket-poller.ts';
import { connectFrom } from './connection.ts';
import type { HttpGetAction, ProbeHandler, RuntimeContainer } from './pod-spec.ts';

/** From where and to what a probe or a lifecycle hook reaches. */
export interface HandlerContext {
  readonly container: RuntimeContainer;
  /** The host's network, from which a kubelet probes. */
  readonly hostNetwork: SocketNamespace;
  readonly poller: SocketPoller;
  /** The pod's primary address. */
  readonly address: string;
  /** Starts a command in the container. */
  readonly exec: (command: readonly string[]) => ChildProcess;
}

/** The result of a probe or a hook, with a reason of failure as kubectl's users know it. */
export interface HandlerResult {
  readonly success: boolean;
  readonly message: string;
}

const SUCCESS: HandlerResult = { success: true, message: '' };

/** How much of a command's or a server's output an Event holds. */
const EXCERPT = 1024;

/** Runs an exec, httpGet, tcpSocket or sleep handler once. @param timeout milliseconds */
export async function runHandler(
  handler: ProbeHandler,
  context: HandlerContext,
  timeout: number,
  signal: AbortSignal,
): Promise<HandlerResult> {
  try {
    if (handler.exec !== undefined) return await runCommand(handler.exec.command ?? [], context, timeout, signal);
    if (handler.httpGet !== undefined) return await getHttp(handler.httpGet, context, timeout);
    if (handler.tcpSocket !== undefined) {
      const { host, port } = handler.tcpSocket;
      (await connect(host, port, context, timeout)).destroy();
      return SUCCESS;
    }
    if (handler.sleep !== undefined) return await sleep(handler.sleep.seconds * 1000, signal);
  } catch (error) {
    return { success: false, message: error instanceof Error ? error.message : String(error) };
  }
  return { success: false, message: 'the handler has none of exec, httpGet, tcpSocket and sleep' };
}

async function runCommand(
  command: readonly string[],
  { exec }: HandlerContext,
  timeout: number,
  signal: AbortSignal,
): Promise<HandlerResult> {
  const child = exec(command);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  const kill = () => child.kill('SIGKILL');
  deadline.addEventListener('abort', kill, { once: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      if (output.length < EXCERPT) output += chunk.toString('utf8', 0, EXCERPT);
    });
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === 0) return SUCCESS;
    if (deadline.aborted) return { success: false, message: `command timed out after ${timeout / 1000} s` };
    return { success: false, message: output.trim() || `command ended with ${code}` };
  } finally {
    deadline.removeEventListener('abort', kill);
  }
}

async function sleep(milliseconds: number, signal: AbortSignal): Promise<HandlerResult> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
  if (!deadline.aborted) await once(deadline, 'abort');
  return SUCCESS;
}

async function getHttp(action: HttpGetAction, context: HandlerContext, timeout: number): Promise<HandlerResult> {
  const { host, port, path = '/', scheme = 'HTTP', httpHeaders = [] } = action;
  const connection = await connect(host, port, context, timeout);
  try {
    const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]));
    const options = { path, headers: { 'user-agent': 'flatnet-lab', connection: 'close', ...headers }, timeout };
    const request =
      scheme === 'HTTPS'
        ? // A kubelet doesn't verify certificates of pods either.
          https.get({
            ...options,
            createConnection: () => tls.connect({ socket: connection, rejectUnauthorized: false }),
          })
        : http.get({ ...options, createConnection: () => connection });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${timeout / 1000} s`)));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 400) return SUCCESS;
    return { success: false, message: `HTTP probe failed with statuscode: ${statusCode}` };
  } finally {
    connection.destroy();
  }
}

function connect(
  host: string | undefined,
  port: number | string,
  { hostNetwork, poller, container, address }: HandlerContext,
  timeout: number,
): Promise<net.Socket> {
  const target = tryParseAddress(host ?? address);
  if (target === undefined)
    throw new FlatnetError({
      operation: 'probe',
      code: 'unsupported',
      message: `host ${host} is a name`,
      remedy: "give an address, or leave it out for the pod's own",
    });
  return connectFrom(hostNetwork, poller, { address: target, port: portNumber(port, container) }, timeout);
}

/** @throws FlatnetError `invalid` for a name that no port of the container has */
function portNumber(port: number | string, container: RuntimeContainer): number {
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number(port);
  if (Number.isInteger(number)) return number;
  throw new FlatnetError({
    operation: 'probe',
    code: 'invalid',
    message: `container ${container.name} has no port named ${JSON.stringify(port)}`,
  });
}
