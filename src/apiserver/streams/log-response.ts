import { pipeline } from 'node:stream/promises';
import type { HandlerContext } from '../http/handler-context.ts';
import { flag, wholeNumber } from '../http/query.ts';
import type { ResourceRequest } from '../http/resource-handler.ts';
import { badRequest, methodNotAllowed } from '../status-error.ts';
import type { StoredObject } from '../store/stored-object.ts';
import { containerOf, streamsOf } from './container-reference.ts';
import type { LogOptions } from './pod-streams.ts';

/** Answers with a container's output. @throws StatusError 400 where there is no such container or it has none yet. */
export async function sendLogs(context: HandlerContext, on: ResourceRequest, stored: StoredObject): Promise<void> {
  const { request, response, query } = on;
  if (request.method !== 'GET') throw methodNotAllowed();
  const container = containerOf(stored, query.get('container') ?? '');
  const output = await streamsOf(context).logs(container, parseLogOptions(query, context.registry.now()));
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  const stop = (): void => {
    output.destroy();
  };
  context.signal.addEventListener('abort', stop, { once: true });
  try {
    await pipeline(output, response);
  } catch {
    response.destroy();
  } finally {
    context.signal.removeEventListener('abort', stop);
  }
}

function parseLogOptions(query: URLSearchParams, now: number): LogOptions {
  const tailLines = wholeNumber(query, 'tailLines');
  const limitBytes = wholeNumber(query, 'limitBytes');
  const since = sinceTime(query, now);
  if (tailLines !== undefined && tailLines < 0) throw badRequest('tailLines: must be greater than or equal to 0');
  return {
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(since === undefined ? {} : { since }),
  };
}

function sinceTime(query: URLSearchParams, now: number): number | undefined {
  const seconds = wholeNumber(query, 'sinceSeconds');
  if (seconds !== undefined) return now - seconds * 1000;
  const time = query.get('sinceTime');
  if (time === null) return undefined;
  const at = Date.parse(time);
  if (Number.isNaN(at)) throw badRequest(`sinceTime: Invalid value: ${JSON.stringify(time)}`);
  return at;
}
