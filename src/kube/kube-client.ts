import type { IncomingMessage } from 'node:http';
import { FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import type { KubeConnection } from './credentials/kube-connection.ts';
import { type HttpRequest, HttpTransport, type Query, readText } from './http-transport.ts';
import { JsonLinesReader } from './json-lines-reader.ts';
import { JsonListReader } from './json-list-reader.ts';
import type { KubeObject } from './object.ts';
import { apiVersionOf, type KubeResource, type ObjectName, resourcePath } from './resource.ts';
import { TurnBudget } from './turn-budget.ts';

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Which objects of a resource: all of them unless narrowed. */
export interface ObjectSelection {
  readonly namespace?: string | undefined;
  /** As in the query: `app=web,tier!=db`. */
  readonly labelSelector?: string | undefined;
  /** As in the query: `spec.nodeName=node-1`. */
  readonly fieldSelector?: string | undefined;
}

export interface ListPageOptions extends ObjectSelection, RequestOptions {
  /** Items in a page; the server may send more, or all. */
  readonly limit?: number | undefined;
  /** The token of the page before. */
  readonly continue?: string | undefined;
}

export interface ListPage {
  readonly resourceVersion: string;
  /** Where there are more pages. */
  readonly continue?: string;
}

/** How a patch's body is to be understood. `apply` is server-side apply, whose body is an object. */
export type PatchType = 'merge' | 'json' | 'strategic' | 'apply';

const PATCH_CONTENT_TYPE: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export interface PatchOptions extends RequestOptions {
  readonly type?: PatchType;
  readonly subresource?: string;
  /** Required by `apply`. */
  readonly fieldManager?: string;
  /** Take over fields that others have applied. */
  readonly force?: boolean;
}

export interface DeleteOptions extends RequestOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface WatchStreamOptions extends ObjectSelection {
  readonly resourceVersion: string;
  /** Seconds after which the server ends the stream. */
  readonly timeoutSeconds: number;
  /** Milliseconds without a byte after which the stream counts as dead. */
  readonly stallTimeout: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A client of one Kubernetes API server. Every method throws FlatnetError: with the API's Status as its cause where the
 * server refused (`kubeStatusOf`), `unavailable` or `timeout` where it does not answer; or the signal's reason.
 */
export class KubeClient {
  readonly #transport: HttpTransport;
  /** Of whatever is read at once: a server sends faster than it is taken in, and others are to have their turn. */
  readonly #budget = new TurnBudget();
  /** The namespace that the credentials name. */
  readonly namespace: string | undefined;

  constructor(connection: KubeConnection, userAgent = 'flatnet') {
    this.#transport = new HttpTransport(connection, userAgent);
    this.namespace = connection.namespace;
  }

  /** Ends all connections, those of watches included. */
  close(): void {
    this.#transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** GETs any path as JSON, such as `/version`. */
  async read(path: string, options: RequestOptions & { readonly query?: Query } = {}): Promise<unknown> {
    return this.#exchange({ method: 'GET', path, query: options.query ?? {}, signal: options.signal });
  }

  async get<T extends KubeObject>(
    resource: KubeResource<T>,
    name: ObjectName,
    options: RequestOptions = {},
  ): Promise<T> {
    return this.#object(resource, { method: 'GET', path: pathOf(resource, name), signal: options.signal });
  }

  /** As get, but undefined where there is no such object. */
  async find<T extends KubeObject>(
    resource: KubeResource<T>,
    name: ObjectName,
    options: RequestOptions = {},
  ): Promise<T | undefined> {
    try {
      return await this.get(resource, name, options);
    } catch (error) {
      if (isFlatnetError(error, 'not-found')) return undefined;
      throw error;
    }
  }

  /** All objects of the selection, page by page; for what fits into memory. */
  async list<T extends KubeObject>(
    resource: KubeResource<T>,
    options: ListPageOptions = {},
  ): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }> {
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const page = await this.listPage(resource, { limit: 500, ...options, continue: next }, (item) => {
        items.push(item);
      });
      next = page.continue;
      if (next === undefined) return { items, resourceVersion: page.resourceVersion };
    }
  }

  /** One page of a list, whose items are handed to `onItem` one by one while they arrive. */
  async listPage<T extends KubeObject>(
    resource: KubeResource<T>,
    options: ListPageOptions,
    onItem: (item: T) => void,
  ): Promise<ListPage> {
    const request: HttpRequest = {
      method: 'GET',
      path: resourcePath(resource, options.namespace),
      query: { ...selectionQuery(options), limit: options.limit, continue: options.continue },
      signal: options.signal,
    };
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    // Items of a list don't repeat their type.
    const reader = new JsonListReader((item) => onItem({ ...type, ...(item as T) }));
    const response = await this.#transport.send(request);
    return this.#reading(request, async () => {
      for await (const chunk of response) {
        reader.push(chunk);
        await this.#budget.rest();
      }
      const { metadata } = reader.end() as { metadata?: { resourceVersion?: string; continue?: string } };
      return {
        resourceVersion: metadata?.resourceVersion ?? '',
        ...(metadata?.continue ? { continue: metadata.continue } : {}),
      };
    });
  }

  /** Creates in the namespace that the object names. */
  async create<T extends KubeObject>(
    resource: KubeResource<T>,
    object: Unnamed<T>,
    options: RequestOptions = {},
  ): Promise<T> {
    const path = resourcePath(resource, object.metadata.namespace);
    return this.#object(resource, { method: 'POST', path, body: body(resource, object), signal: options.signal });
  }

  /** Replaces an object; refused with `conflict` where its resource version is no longer the current one. */
  async update<T extends KubeObject>(
    resource: KubeResource<T>,
    object: T,
    options: RequestOptions & { readonly subresource?: string } = {},
  ): Promise<T> {
    const path = pathOf(resource, object.metadata, options.subresource);
    return this.#object(resource, { method: 'PUT', path, body: body(resource, object), signal: options.signal });
  }

  /** As update, for the status only. */
  async updateStatus<T extends KubeObject>(
    resource: KubeResource<T>,
    object: T,
    options: RequestOptions = {},
  ): Promise<T> {
    return this.update(resource, object, { ...options, subresource: 'status' });
  }

  /** Patches an object, by default as a JSON merge patch (RFC 7386). */
  async patch<T extends KubeObject>(
    resource: KubeResource<T>,
    name: ObjectName,
    patch: unknown,
    options: PatchOptions = {},
  ): Promise<T> {
    return this.#object(resource, {
      method: 'PATCH',
      path: pathOf(resource, name, options.subresource),
      query: { fieldManager: options.fieldManager, force: options.force },
      body: JSON.stringify(patch),
      contentType: PATCH_CONTENT_TYPE[options.type ?? 'merge'],
      signal: options.signal,
    });
  }

  /** Deletes an object, or marks it as to be deleted where it has finalizers or a grace period. */
  async delete(resource: KubeResource, name: ObjectName, options: DeleteOptions = {}): Promise<void> {
    const { signal, ...deleteOptions } = options;
    await this.#exchange({
      method: 'DELETE',
      path: pathOf(resource, name),
      body: JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', ...deleteOptions }),
      signal,
    });
  }

  /** POSTs to a subresource that acts rather than stores, such as a pod's `binding` or `eviction`. */
  async post(
    resource: KubeResource,
    name: ObjectName,
    subresource: string,
    object: unknown,
    options: RequestOptions = {},
  ): Promise<unknown> {
    const path = pathOf(resource, name, subresource);
    return this.#exchange({ method: 'POST', path, body: JSON.stringify(object), signal: options.signal });
  }

  /** Hands on each frame of a watch as it arrives; resolves when the server ends the stream. */
  async watch(
    resource: KubeResource,
    options: WatchStreamOptions,
    onFrame: (frame: unknown) => void,
    onBytes: () => void,
  ): Promise<void> {
    const request: HttpRequest = {
      method: 'GET',
      path: resourcePath(resource, options.namespace),
      query: {
        ...selectionQuery(options),
        watch: 1,
        allowWatchBookmarks: true,
        resourceVersion: options.resourceVersion,
        timeoutSeconds: options.timeoutSeconds,
      },
      signal: options.signal,
      idleTimeout: options.stallTimeout,
      longLived: true,
    };
    const response = await this.#transport.send(request);
    onBytes();
    const reader = new JsonLinesReader(onFrame);
    await this.#reading(request, async () => {
      for await (const chunk of response) {
        onBytes();
        reader.push(chunk);
        await this.#budget.rest();
      }
    });
  }

  async #object<T extends KubeObject>(_resource: KubeResource<T>, request: HttpRequest): Promise<T> {
    return (await this.#exchange(request)) as T;
  }

  async #exchange(request: HttpRequest): Promise<unknown> {
    const response: IncomingMessage = await this.#transport.send(request);
    return this.#reading(request, async () => JSON.parse(await readText(response)));
  }

  /** Runs what reads a response; a body that ends early or isn't JSON becomes an error of ours. */
  async #reading<R>(request: HttpRequest, read: () => Promise<R>): Promise<R> {
    try {
      return await read();
    } catch (cause) {
      request.signal?.throwIfAborted();
      if (isFlatnetError(cause)) throw cause;
      const operation = `${request.method} ${request.path}`;
      if (cause instanceof SyntaxError)
        throw new FlatnetError({ operation, code: 'io', message: 'the answer is not whole JSON', cause });
      throw new FlatnetError({ operation, code: 'unavailable', message: 'the connection was lost', cause });
    }
  }
}

/** An object that is yet to be created: a generated name will do, and the type goes without saying. */
export type Unnamed<T extends KubeObject> = Omit<T, 'apiVersion' | 'kind' | 'metadata'> & {
  readonly metadata: Omit<T['metadata'], 'name'> & { readonly name?: string };
};

function pathOf(resource: KubeResource, { namespace, name }: ObjectName, subresource?: string): string {
  return resourcePath(resource, namespace, name, subresource);
}

function body(resource: KubeResource, object: object): string {
  return JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...object });
}

function selectionQuery({ labelSelector, fieldSelector }: ObjectSelection): Query {
  return { labelSelector, fieldSelector };
}
