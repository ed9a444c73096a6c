import { isJsonObject, type JsonObject, type JsonValue, numberAt, objectAt } from '../json-value.ts';
import { bindPod } from '../registry/bind.ts';
import { deleteObject } from '../registry/delete.ts';
import { patchedDocument } from '../registry/patch.ts';
import { timestamp } from '../registry/registry-context.ts';
import { replaceScale, scaleOf } from '../registry/scale.ts';
import { badRequest, methodNotAllowed, unknownResource } from '../status-error.ts';
import { sendLogs } from '../streams/log-response.ts';
import type { HandlerContext } from './handler-context.ts';
import { parseDeleteOptions, parseWriteOptions } from './query.ts';
import { parseBody, readBody } from './request-body.ts';
import { findStored, handleObjects, patchTypeOf, type ResourceRequest } from './resource-handler.ts';
import { addWarning, sendJson } from './respond.ts';

export interface SubresourceRequest extends ResourceRequest {
  readonly subresource: string;
}

/** Serves what stands below an object, but for the streams that need an upgrade. @throws StatusError for every refusal. */
export function handleSubresource(context: HandlerContext, on: SubresourceRequest): Promise<void> {
  const { definition, subresource } = on;
  if (subresource === 'status' && definition.status) {
    if (on.request.method === 'POST' || on.request.method === 'DELETE') throw methodNotAllowed();
    return handleObjects(context, on, 'status');
  }
  if (subresource === 'scale' && definition.scale) return handleScale(context, on);
  if (subresource === 'finalize' && definition.plural === 'namespaces') return handleObjects(context, on, 'internal');
  if (subresource === 'token' && definition.plural === 'serviceaccounts') return handleTokenRequest(context, on);
  if (definition.plural === 'pods') {
    switch (subresource) {
      case 'binding':
        return handleBinding(context, on);
      case 'eviction':
        return handleEviction(context, on);
      case 'log':
        return sendLogs(context, on, findStored(context, on));
      case 'exec':
      case 'attach':
      case 'portforward':
        throw badRequest('Upgrade request required');
    }
  }
  throw unknownResource();
}

async function bodyOf(on: ResourceRequest): Promise<JsonValue> {
  const body = parseBody(await readBody(on.request), on.request.headers['content-type'] ?? '');
  if (body === undefined) throw badRequest('the request has no body');
  return body;
}

function writeOptions(on: ResourceRequest): ReturnType<typeof parseWriteOptions> {
  const warn = (text: string): void => addWarning(on.response, text);
  return parseWriteOptions(on.query, on.request.headers['user-agent'] ?? '', warn);
}

async function handleScale(context: HandlerContext, on: SubresourceRequest): Promise<void> {
  const { request, response, definition } = on;
  if (request.method === 'GET') {
    sendJson(response, 200, scaleOf(findStored(context, on)));
    return;
  }
  if (request.method !== 'PUT' && request.method !== 'PATCH') throw methodNotAllowed();
  const body = await bodyOf(on);
  const stored = findStored(context, on);
  const scale =
    request.method === 'PUT' ? body : patchedDocument('autoscaling.Scale', scaleOf(stored), patchTypeOf(request), body);
  sendJson(response, 200, scaleOf(replaceScale(context.registry, definition, stored, scale, writeOptions(on))));
}

async function handleBinding(context: HandlerContext, on: SubresourceRequest): Promise<void> {
  if (on.request.method !== 'POST') throw methodNotAllowed();
  const body = await bodyOf(on);
  bindPod(context.registry, findStored(context, on), body, writeOptions(on));
  sendJson(on.response, 201, success());
}

async function handleEviction(context: HandlerContext, on: SubresourceRequest): Promise<void> {
  if (on.request.method !== 'POST') throw methodNotAllowed();
  const eviction = await bodyOf(on);
  const options = parseDeleteOptions(on.query, isJsonObject(eviction) ? eviction.deleteOptions : undefined);
  deleteObject(context.registry, on.definition, on.namespace, on.name, options);
  sendJson(on.response, 201, success());
}

/** There is one token, and who asks has it. */
async function handleTokenRequest(context: HandlerContext, on: SubresourceRequest): Promise<void> {
  if (on.request.method !== 'POST') throw methodNotAllowed();
  const request = await bodyOf(on);
  findStored(context, on);
  const seconds = numberAt(request, 'spec', 'expirationSeconds') ?? 3600;
  const expirationTimestamp = timestamp(context.registry.now() + seconds * 1000);
  const token = /^Bearer (.+)$/.exec(on.request.headers.authorization ?? '')?.[1] ?? '';
  const described = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: { name: on.name } };
  sendJson(on.response, 201, {
    ...described,
    spec: objectAt(request, 'spec') ?? {},
    status: { token, expirationTimestamp },
  });
}

function success(): JsonObject {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}
