import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonValue } from '../json-value.ts';
import { applyObject } from '../registry/apply.ts';
import { createObject } from '../registry/create.ts';
import { deleteObject } from '../registry/delete.ts';
import { listObjects } from '../registry/list.ts';
import { type PatchType, patchObject } from '../registry/patch.ts';
import { resourceName } from '../registry/registry-context.ts';
import { type Selection, selectionOf } from '../registry/selection.ts';
import { replaceObject, type WritePart } from '../registry/update.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { badRequest, methodNotAllowed, notFound, StatusError } from '../status-error.ts';
import { objectKey, type StoredObject } from '../store/stored-object.ts';
import type { HandlerContext } from './handler-context.ts';
import { negotiateRendering, type ObjectRendering, renderObject, sendList } from './object-response.ts';
import { flag, parseDeleteOptions, parseWriteOptions, wholeNumber } from './query.ts';
import { parseBody, readBody } from './request-body.ts';
import { addWarning, sendJson, sendText } from './respond.ts';
import { sendWatch } from './watch-response.ts';

/** A request about objects: what, from whom, and where the answer goes. */
export interface ResourceRequest {
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly name: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Serves the objects themselves and their status. @throws StatusError for every refusal. */
export async function handleObjects(context: HandlerContext, on: ResourceRequest, part: WritePart): Promise<void> {
  const { definition, query, request } = on;
  const rendering = negotiateRendering(definition, request.headers.accept, query, context.registry.now);
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return on.name === '' ? readMany(context, on, rendering) : readOne(context, on, rendering);
    case 'POST':
      if (on.name !== '') throw methodNotAllowed();
      return write(context, on, rendering, 201, (body, options) =>
        createObject(context.registry, definition, namespaceFor(on), body, options),
      );
    case 'PUT':
      if (on.name === '') throw methodNotAllowed();
      return write(context, on, rendering, 200, (body, options) =>
        replaceObject(context.registry, definition, on.namespace, on.name, part, body, options),
      );
    case 'PATCH':
      if (on.name === '') throw methodNotAllowed();
      if (isApply(request)) return apply(context, on, rendering, part);
      return write(context, on, rendering, 200, (body, options) =>
        patchObject(context.registry, definition, on.namespace, on.name, part, patchTypeOf(request), body, options),
      );
    case 'DELETE':
      if (part === 'status') throw methodNotAllowed();
      return on.name === '' ? removeMany(context, on, rendering) : removeOne(context, on);
    default:
      throw methodNotAllowed();
  }
}

/** The namespace that a new object goes to: the path's, which a namespaced resource must have. */
function namespaceFor(on: ResourceRequest): string {
  if (on.definition.namespaced && on.namespace === '') {
    throw badRequest('an empty namespace may not be set during creation');
  }
  return on.namespace;
}

export function patchTypeOf(request: IncomingMessage): PatchType {
  const mediaType = (request.headers['content-type'] ?? '').split(';')[0]?.trim();
  switch (mediaType) {
    case 'application/json-patch+json':
      return 'json';
    case 'application/merge-patch+json':
      return 'merge';
    case 'application/strategic-merge-patch+json':
      return 'strategic';
    default:
      throw new StatusError(
        415,
        'UnsupportedMediaType',
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
      );
  }
}

function isApply(request: IncomingMessage): boolean {
  return (request.headers['content-type'] ?? '').startsWith('application/apply-patch+yaml');
}

async function apply(
  context: HandlerContext,
  on: ResourceRequest,
  rendering: ObjectRendering,
  part: WritePart,
): Promise<void> {
  const { definition, query, request, response } = on;
  const body = parseBody(await readBody(request), 'application/yaml');
  if (body === undefined) throw badRequest('the request has no body');
  if (query.get('fieldManager') === null) {
    throw badRequest(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  }
  const options = parseWriteOptions(query, '', (text) => addWarning(response, text));
  const force = flag(query, 'force');
  const { stored, created } = applyObject(
    context.registry,
    definition,
    on.namespace,
    on.name,
    part,
    body,
    force,
    options,
  );
  sendText(response, created ? 201 : 200, renderObject(rendering, stored));
}

type WriteOperation = (body: JsonValue, options: ReturnType<typeof parseWriteOptions>) => StoredObject;

async function write(
  _context: HandlerContext,
  on: ResourceRequest,
  rendering: ObjectRendering,
  httpStatus: number,
  operation: WriteOperation,
): Promise<void> {
  const { request, response, query } = on;
  const body = parseBody(await readBody(request), request.headers['content-type'] ?? '');
  if (body === undefined) throw badRequest('the request has no body');
  const warn = (text: string): void => addWarning(response, text);
  const stored = operation(body, parseWriteOptions(query, request.headers['user-agent'] ?? '', warn));
  sendText(response, httpStatus, renderObject(rendering, stored));
}

function readOne(context: HandlerContext, on: ResourceRequest, rendering: ObjectRendering): void {
  sendText(on.response, 200, renderObject(rendering, findStored(context, on)));
}

/** @throws StatusError 404. */
export function findStored(
  context: HandlerContext,
  on: Omit<ResourceRequest, 'query' | 'request' | 'response'>,
): StoredObject {
  const collection = context.registry.store.collection(storageDefinition(on.definition.storage));
  const stored = collection.get(objectKey(on.namespace, on.name));
  if (stored === undefined) throw notFound(resourceName(on.definition), on.name);
  return stored;
}

function selection(on: ResourceRequest): Selection {
  const { query } = on;
  return selectionOf(on.definition, on.namespace, query.get('labelSelector') ?? '', query.get('fieldSelector') ?? '');
}

async function readMany(context: HandlerContext, on: ResourceRequest, rendering: ObjectRendering): Promise<void> {
  const { query, response } = on;
  if (flag(query, 'watch')) {
    sendWatch(response, context.registry, selection(on), rendering, query, context.signal);
    return;
  }
  const list = listObjects(context.registry, selection(on), {
    limit: wholeNumber(query, 'limit') ?? 0,
    continueToken: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
  });
  await sendList(response, rendering, list);
}

async function removeOne(context: HandlerContext, on: ResourceRequest): Promise<void> {
  const { definition, request, response } = on;
  const body = parseBody(await readBody(request), request.headers['content-type'] ?? '');
  const options = parseDeleteOptions(on.query, body);
  const { object, gone } = deleteObject(context.registry, definition, on.namespace, on.name, options);
  if (!gone || definition.storage === 'pods' || definition.storage === 'services') {
    sendText(response, 200, object.json);
    return;
  }
  const group = definition.group === '' ? {} : { group: definition.group };
  sendJson(response, 200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: on.name, ...group, kind: definition.plural, uid: object.uid },
  });
}

async function removeMany(context: HandlerContext, on: ResourceRequest, rendering: ObjectRendering): Promise<void> {
  const { definition, request, response } = on;
  if (definition.storage === 'namespaces') throw methodNotAllowed();
  const body = parseBody(await readBody(request), request.headers['content-type'] ?? '');
  const options = parseDeleteOptions(on.query, body);
  const everything = { limit: 0, continueToken: '', resourceVersion: '', resourceVersionMatch: '' };
  const list = listObjects(context.registry, selection(on), everything);
  for (const item of list.items) {
    deleteObject(context.registry, definition, item.namespace, item.name, options);
  }
  await sendList(response, rendering, { ...list, revision: context.registry.store.revision });
}
