import type { ServerResponse } from 'node:http';
import { KubeClient } from '../../src/kube/kube-client.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { type KubeResource, type ObjectName, resourcePath } from '../../src/kube/resource.ts';
import { refuse, reply, type ScriptedRequest, ScriptedServer } from './scripted-server.ts';

interface Watcher {
  readonly prefix: string;
  readonly response: ServerResponse;
}

type Json = Record<string, unknown>;

/** A fake of an API server's store: objects by path, resource versions with conflicts, merge patches, watches. */
export class FakeApi implements AsyncDisposable {
  readonly server: ScriptedServer;
  readonly client: KubeClient;
  readonly #objects = new Map<string, KubeObject>();
  readonly #watchers = new Set<Watcher>();
  #version = 100;
  #listeners: (() => void)[] = [];
  /** Where set, answers in place of the store; returns whether it did. */
  intercept: ((request: ScriptedRequest, response: ServerResponse) => boolean) | undefined;

  private constructor(server: ScriptedServer) {
    this.server = server;
    this.client = new KubeClient({ server: server.url });
    server.handler = (request, response) => {
      if (this.intercept?.(request, response) !== true) this.#handle(request, response);
    };
  }

  static async start(): Promise<FakeApi> {
    return new FakeApi(await ScriptedServer.start(() => {}));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.server[Symbol.asyncDispose]();
  }

  /** What is stored under a name, or undefined. */
  stored<T extends KubeObject>(resource: KubeResource<T>, name: ObjectName): T | undefined {
    return this.#objects.get(resourcePath(resource, name.namespace, name.name)) as T | undefined;
  }

  /** All that is stored of a resource. */
  all<T extends KubeObject>(resource: KubeResource<T>): readonly T[] {
    const group = resourcePath(resource).split('/').slice(0, -1).join('/');
    return [...this.#objects]
      .filter(([path]) => path.startsWith(`${group}/`) && path.split('/').at(-2) === resource.plural)
      .map(([, object]) => object as T);
  }

  /** Resolves as soon as `condition` holds, asked after every change. */
  async until<R>(condition: () => R | undefined | false): Promise<R> {
    for (;;) {
      const result = condition();
      if (result !== undefined && result !== false) return result;
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
  }

  #handle(request: ScriptedRequest, response: ServerResponse): void {
    const isObject = this.#isObjectPath(request.path);
    if (request.method === 'GET' && !isObject) this.#list(request, response);
    else if (request.method === 'POST') this.#create(request, response);
    else {
      const path = request.path.replace(/\/status$/, '');
      const old = this.#objects.get(path);
      if (old === undefined) refuse(response, 404, 'NotFound');
      else if (request.method === 'GET') reply(response, 200, old);
      else if (request.method === 'DELETE') this.#delete(path, old, response);
      else this.#change(request, path, old, response);
    }
  }

  /** `/api/v1/nodes/x` or `/api/v1/namespaces/a/pods/x`, rather than a collection. */
  #isObjectPath(path: string): boolean {
    const parts = path.replace(/^\/(api|apis\/[^/]+)\/v1\//, '').split('/');
    return parts[0] === 'namespaces' && parts.length > 2 ? parts.length >= 4 : parts.length >= 2;
  }

  #list({ path, query }: ScriptedRequest, response: ServerResponse): void {
    if (query.get('watch') !== null) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      const from = Number(query.get('resourceVersion'));
      for (const [at, object] of this.#objects)
        if (matches(path, at) && Number(object.metadata.resourceVersion) > from) send(response, 'ADDED', object);
      const watcher = { prefix: path, response };
      this.#watchers.add(watcher);
      response.on('close', () => this.#watchers.delete(watcher));
      return;
    }
    const items = [...this.#objects].filter(([at]) => matches(path, at)).map(([, object]) => object);
    reply(response, 200, { metadata: { resourceVersion: String(this.#version) }, items });
  }

  #create({ path, body }: ScriptedRequest, response: ServerResponse): void {
    const object = body as KubeObject;
    const name = object.metadata.name ?? `${object.metadata.generateName}${this.#version}`;
    const at = `${path}/${name}`;
    if (this.#objects.has(at)) refuse(response, 409, 'AlreadyExists');
    else {
      const metadata = { ...object.metadata, name, uid: `uid-${this.#version}` };
      reply(response, 201, this.#store('ADDED', at, { ...object, metadata }));
    }
  }

  #change({ method, body }: ScriptedRequest, path: string, old: KubeObject, response: ServerResponse): void {
    const version = (body as KubeObject).metadata?.resourceVersion;
    if (version !== undefined && version !== old.metadata.resourceVersion) refuse(response, 409, 'Conflict');
    else {
      const changed = method === 'PATCH' ? mergePatch(old as unknown as Json, body as Json) : body;
      reply(response, 200, this.#store('MODIFIED', path, changed as KubeObject));
    }
  }

  #delete(path: string, old: KubeObject, response: ServerResponse): void {
    this.#objects.delete(path);
    this.#version++;
    this.#tell('DELETED', path, { ...old, metadata: { ...old.metadata, resourceVersion: String(this.#version) } });
    reply(response, 200, old);
  }

  #store(type: string, path: string, object: KubeObject): KubeObject {
    this.#version++;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#objects.set(path, stored);
    this.#tell(type, path, stored);
    return stored;
  }

  #tell(type: string, path: string, object: KubeObject): void {
    for (const { prefix, response } of this.#watchers) if (matches(prefix, path)) send(response, type, object);
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

function matches(collection: string, path: string): boolean {
  const plural = collection.split('/').at(-1);
  const root = collection.slice(0, collection.length - (plural?.length ?? 0));
  return path.startsWith(root) && path.split('/').at(-2) === plural;
}

function send(response: ServerResponse, type: string, object: KubeObject): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function mergePatch(target: Json, patch: Json): Json {
  const result = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const old = result[key];
    if (value === null) delete result[key];
    else if (isJson(value)) result[key] = mergePatch(isJson(old) ? old : {}, value);
    else result[key] = value;
  }
  return result;
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
