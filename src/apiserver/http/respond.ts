import type { ServerResponse } from 'node:http';
import { describeError } from '../../error/flatnet-error.ts';
import type { JsonValue } from '../json-value.ts';
import { StatusError } from '../status-error.ts';

/** Answers with JSON text. */
export function sendText(
  response: ServerResponse,
  httpStatus: number,
  body: string | Buffer,
  mediaType = 'application/json',
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(httpStatus, { 'content-type': mediaType, 'content-length': bytes.length });
  response.end(bytes);
}

export function sendJson(response: ServerResponse, httpStatus: number, body: JsonValue, mediaType?: string): void {
  sendText(response, httpStatus, JSON.stringify(body), mediaType);
}

/** Answers with a Status for any error; what isn't a refusal becomes 500. */
export function sendError(response: ServerResponse, error: unknown): void {
  const status = asStatusError(error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (status.details?.retryAfterSeconds !== undefined) {
    response.setHeader('retry-after', String(status.details.retryAfterSeconds));
  }
  sendJson(response, status.httpStatus, status.toStatus());
}

/** `error` itself, or what a client may know of one that isn't meant for it. */
export function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  return new StatusError(500, 'InternalError', `Internal error occurred: ${describeError(error)}`);
}

/** Adds a warning that kubectl prints (RFC 7234, 5.5; code 299). */
export function addWarning(response: ServerResponse, text: string): void {
  const quoted = text.replaceAll(/[\\"]/g, '\\$&').replaceAll(/[^\x20-\x7e]/g, '?');
  response.appendHeader('warning', `299 - "${quoted}"`);
}
