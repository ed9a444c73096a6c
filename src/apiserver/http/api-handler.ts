import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  aggregatedDiscovery,
  apiGroup,
  coreVersions,
  groupList,
  resourceList,
} from '../discovery/discovery-documents.ts';
import { SERVER_VERSION } from '../discovery/server-version.ts';
import type { JsonObject } from '../json-value.ts';
import { methodNotAllowed, unauthorized, unknownResource } from '../status-error.ts';
import type { HandlerContext } from './handler-context.ts';
import { parseAccept } from './media-type.ts';
import { handleOpenApi } from './openapi-handler.ts';
import { parseRequestTarget } from './request-target.ts';
import { handleObjects } from './resource-handler.ts';
import { sendError, sendJson, sendText } from './respond.ts';
import { handleReview } from './review-handler.ts';
import { handleSubresource } from './subresource-handler.ts';

/** Paths that need no token, as in a cluster with the default roles. */
const PUBLIC_PATHS: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz', '/version']);

/** Checks bearer tokens in constant time. */
export class TokenCheck {
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = createHash('sha256').update(token).digest();
  }

  /** @throws StatusError 401 where the request doesn't carry the token. */
  require(request: IncomingMessage): void {
    const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!timingSafeEqual(createHash('sha256').update(given).digest(), this.#digest)) throw unauthorized();
  }
}

/** Answers any request that isn't an upgrade; never rejects. */
export async function handleRequest(
  context: HandlerContext,
  tokens: TokenCheck,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
    if (!PUBLIC_PATHS.has(pathname)) tokens.require(request);
    const target = parseRequestTarget(pathname);
    switch (target.kind) {
      case 'resource': {
        const on = { ...target, query, request, response };
        return await (target.subresource === '' ? handleObjects(context, on, 'main') : handleSubresource(context, on));
      }
      case 'virtual':
        return await handleReview(target, request, response);
      case 'other':
        return handleDocument(pathname.replace(/(.)\/+$/, '$1'), request, response);
      default:
        return target satisfies never;
    }
  } catch (error) {
    sendError(response, error);
  }
}

/** Discovery, schemas, version and health. */
function handleDocument(path: string, request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  if (path === '/healthz' || path === '/livez' || path === '/readyz') {
    sendText(response, 200, 'ok', 'text/plain; charset=utf-8');
    return;
  }
  if (path.startsWith('/openapi/')) {
    handleOpenApi(path, request, response);
    return;
  }
  if (path === '/api' || path === '/apis') {
    const aggregated = aggregatedVersion(request.headers.accept ?? '');
    if (aggregated !== undefined) {
      const mediaType = `application/json;g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`;
      sendJson(response, 200, aggregatedDiscovery(path, aggregated), mediaType);
      return;
    }
  }
  const document = plainDocument(path);
  if (document === undefined) throw unknownResource();
  sendJson(response, 200, document);
}

function aggregatedVersion(accept: string): 'v2' | 'v2beta1' | undefined {
  for (const { type, parameters } of parseAccept(accept)) {
    if (type !== 'application/json') continue;
    if (parameters.as === undefined) return undefined;
    if (parameters.g !== 'apidiscovery.k8s.io') continue;
    if (parameters.v === 'v2' || parameters.v === 'v2beta1') return parameters.v;
  }
  return undefined;
}

function plainDocument(path: string): JsonObject | undefined {
  if (path === '/version') return SERVER_VERSION;
  if (path === '/api') return coreVersions();
  if (path === '/apis') return groupList();
  if (path === '/api/v1') return resourceList('', 'v1');
  const [, group, version] = /^\/apis\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  if (group === undefined) return undefined;
  return version === undefined ? apiGroup(group) : resourceList(group, version);
}
