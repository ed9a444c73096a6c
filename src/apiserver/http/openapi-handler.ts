import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { openApiV2 } from '../openapi/openapi-v2.ts';
import { encodeOpenApiV2, OPENAPI_V2_PROTOBUF, OPENAPI_V2_PROTOBUF_ACCEPT } from '../openapi/openapi-v2-protobuf.ts';
import { openApiV3, openApiV3Index } from '../openapi/openapi-v3.ts';
import { unknownResource } from '../status-error.ts';

interface RenderedDocument {
  readonly body: Buffer;
  readonly etag: string;
}

/** Documents by what they were made from; they never change while the server lives. */
const RENDERED = new Map<string, RenderedDocument>();

function rendered(key: string, render: () => Uint8Array | string): RenderedDocument {
  const found = RENDERED.get(key);
  if (found !== undefined) return found;
  const body = Buffer.from(render());
  const made = { body, etag: `"${createHash('sha256').update(body).digest('hex')}"` };
  RENDERED.set(key, made);
  return made;
}

/** Serves `/openapi/v2` (JSON, or the protobuf that kubectl asks for) and `/openapi/v3`. @throws StatusError 404. */
export function handleOpenApi(path: string, request: IncomingMessage, response: ServerResponse): void {
  if (path === '/openapi/v2') {
    const accept = request.headers.accept ?? '';
    const wantsProtobuf = OPENAPI_V2_PROTOBUF_ACCEPT.some((name) => accept.startsWith(name));
    if (wantsProtobuf) {
      send(
        request,
        response,
        OPENAPI_V2_PROTOBUF,
        rendered('v2 protobuf', () => encodeOpenApiV2(openApiV2())),
      );
    } else
      send(
        request,
        response,
        'application/json',
        rendered('v2', () => JSON.stringify(openApiV2())),
      );
    return;
  }
  if (path === '/openapi/v3') {
    send(
      request,
      response,
      'application/json',
      rendered('v3', () => JSON.stringify(openApiV3Index())),
    );
    return;
  }
  const name = path.slice('/openapi/v3/'.length);
  if (!path.startsWith('/openapi/v3/') || openApiV3(name) === undefined) throw unknownResource();
  send(
    request,
    response,
    'application/json',
    rendered(`v3 ${name}`, () => JSON.stringify(openApiV3(name))),
  );
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  mediaType: string,
  { body, etag }: RenderedDocument,
): void {
  response.setHeader('etag', etag);
  response.setHeader('vary', 'accept');
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'content-type': mediaType, 'content-length': body.length });
  response.end(body);
}
