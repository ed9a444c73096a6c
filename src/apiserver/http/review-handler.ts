import type { IncomingMessage, ServerResponse } from 'node:http';
import { isJsonObject, type JsonObject } from '../json-value.ts';
import { badRequest, methodNotAllowed, unknownResource } from '../status-error.ts';
import { parseBody, readBody } from './request-body.ts';
import type { RequestTarget } from './request-target.ts';
import { sendJson } from './respond.ts';

/** Answers the reviews that clients ask about themselves: who has the token may do everything. */
export async function handleReview(
  target: RequestTarget & { readonly kind: 'virtual' },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const status = reviewStatus(`${target.group}/${target.version}/${target.path.join('/')}`);
  if (status === undefined) throw unknownResource();
  if (request.method !== 'POST') throw methodNotAllowed();
  const review = parseBody(await readBody(request), request.headers['content-type'] ?? '');
  if (!isJsonObject(review)) throw badRequest('the request has no body');
  sendJson(response, 201, { ...review, status });
}

function reviewStatus(path: string): JsonObject | undefined {
  switch (path) {
    case 'authorization.k8s.io/v1/selfsubjectaccessreviews':
      return { allowed: true };
    case 'authentication.k8s.io/v1/selfsubjectreviews':
      return { userInfo: { username: 'flatnet:admin', groups: ['system:masters', 'system:authenticated'] } };
    default:
      return undefined;
  }
}
