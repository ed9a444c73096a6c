import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { refuse, reply, type ScriptedRequest, ScriptedServer } from '../../test/kube/scripted-server.ts';
import { KubeClient } from './kube-client.ts';
import type { Node } from './objects/node.ts';
import { NODES } from './resource.ts';
import { type ResourceWatchOptions, watchResource } from './resource-watch.ts';

/** A fake of one resource's history: lists what there is, and streams what the test writes. */
class FakeNodes {
  nodes = new Map<string, number>();
  version = 10;
  readonly watches: { readonly from: string | null; readonly response: ServerResponse }[] = [];
  readonly lists: ScriptedRequest[] = [];
  #waiting: (() => void)[] = [];

  handle(request: ScriptedRequest, response: ServerResponse): void {
    if (request.query.get('watch') === null) {
      this.lists.push(request);
      const items = [...this.nodes].map(([name, version]) => node(name, version));
      reply(response, 200, { metadata: { resourceVersion: String(this.version) }, items });
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    this.watches.push({ from: request.query.get('resourceVersion'), response });
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async watch(number: number): Promise<{ readonly from: string | null; readonly response: ServerResponse }> {
    for (;;) {
      const found = this.watches[number - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

function node(name: string, version: number): object {
  return { metadata: { name, resourceVersion: String(version) } };
}

function frame(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

async function setUp(extra: Partial<ResourceWatchOptions<Node, string>> = {}) {
  const fake = new FakeNodes();
  fake.nodes.set('a', 1).set('b', 2);
  const server = await ScriptedServer.start((request, response) => fake.handle(request, response));
  const client = new KubeClient({ server: server.url });
  const stop = new AbortController();
  const changes: string[] = [];
  let waiting: (() => void)[] = [];
  const options: ResourceWatchOptions<Node, string> = {
    client,
    resource: NODES,
    signal: stop.signal,
    project: ({ metadata }) => metadata.resourceVersion,
    onChange: (key, old, current) => {
      changes.push(`${key} ${old ?? '-'}>${current ?? '-'}`);
      for (const wake of waiting.splice(0)) wake();
    },
    ...extra,
  };
  const watch = watchResource(options);
  return {
    fake,
    server,
    watch,
    changes,
    async changed(count: number) {
      while (changes.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
      return changes;
    },
    async [Symbol.asyncDispose]() {
      waiting = [];
      stop.abort();
      await watch.finished;
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('watchResource', () => {
  it('lists, then follows', async () => {
    await using setup = await setUp();
    const { response, from } = await setup.fake.watch(1);
    assert.equal(from, '10');
    assert.ok(setup.watch.synced);
    response.write(frame('MODIFIED', node('a', 11)) + frame('DELETED', node('b', 12)) + frame('ADDED', node('c', 13)));
    assert.deepEqual(await setup.changed(5), ['a ->1', 'b ->2', 'a 1>11', 'b 2>-', 'c ->13']);
    assert.deepEqual([...setup.watch.objects.keys()], ['a', 'c']);
  });

  it('resumes from the last version it saw, bookmarks included, without a new list', async () => {
    await using setup = await setUp();
    const first = await setup.fake.watch(1);
    first.response.write(frame('MODIFIED', node('a', 11)) + frame('BOOKMARK', node('', 40)));
    await setup.changed(3);
    first.response.end();
    const second = await setup.fake.watch(2);
    assert.equal(second.from, '40');
    second.response.write(frame('ADDED', node('c', 41)));
    await setup.changed(4);
    setup.server.disconnect();
    assert.equal((await setup.fake.watch(3)).from, '41');
    assert.equal(setup.fake.lists.length, 1);
  });

  it('tells the difference after a new list, and nothing of what is the same', async () => {
    const errors: unknown[] = [];
    await using setup = await setUp({ onError: (error) => errors.push(error) });
    const first = await setup.fake.watch(1);
    setup.fake.nodes = new Map([
      ['a', 1],
      ['c', 30],
    ]);
    setup.fake.version = 30;
    first.response.write(frame('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }));
    assert.equal((await setup.fake.watch(2)).from, '30');
    assert.deepEqual(setup.changes.slice(2).sort(), ['b 2>-', 'c ->30']);
    assert.deepEqual(errors, []);
  });

  it('takes the list whole where its pages have expired', async () => {
    const fake = new FakeNodes();
    fake.nodes.set('a', 1);
    await using server = await ScriptedServer.start((request, response) => {
      if (request.query.get('continue') !== null) refuse(response, 410, 'Expired');
      else if (request.query.get('limit') !== null)
        reply(response, 200, { metadata: { resourceVersion: '5', continue: 'x' }, items: [] });
      else fake.handle(request, response);
    });
    using client = new KubeClient({ server: server.url });
    const stop = new AbortController();
    const watch = watchResource({ client, resource: NODES, signal: stop.signal, project: () => true });
    await watch.firstSync;
    assert.deepEqual([...watch.objects.keys()], ['a']);
    stop.abort();
    await watch.finished;
  });

  it('reconnects when the connection has fallen silent', async () => {
    await using setup = await setUp({ stallTimeout: 20 });
    await setup.fake.watch(2);
    assert.equal(setup.fake.lists.length, 1);
  });

  it('goes on past an object that cannot be projected and a listener that throws', async () => {
    const errors: unknown[] = [];
    await using setup = await setUp({
      project: ({ metadata }) => {
        if (metadata.name === 'bad') throw new Error('bad object');
        return metadata.resourceVersion;
      },
      onError: (error) => errors.push(error),
    });
    const { response } = await setup.fake.watch(1);
    response.write(frame('ADDED', node('bad', 11)) + frame('ADDED', node('c', 12)));
    await setup.changed(3);
    assert.deepEqual([...setup.watch.objects.keys()], ['a', 'b', 'c']);
    assert.equal(errors.length, 1);
  });

  it('leaves room for requests however many watches there are', async () => {
    const fake = new FakeNodes();
    await using server = await ScriptedServer.start((request, response) => fake.handle(request, response));
    using client = new KubeClient({ server: server.url });
    const stop = new AbortController();
    const options = { client, resource: NODES, signal: stop.signal, project: () => true };
    const watches = Array.from({ length: 40 }, () => watchResource(options));
    await fake.watch(40);
    assert.deepEqual((await client.list(NODES)).items, []);
    stop.abort();
    await Promise.all(watches.map((watch) => watch.finished));
  });

  it('rejects whoever waits for the first list when it is stopped before', async () => {
    await using server = await ScriptedServer.start((_, response) => refuse(response, 403, 'Forbidden'));
    using client = new KubeClient({ server: server.url });
    const stop = new AbortController();
    const refused = Promise.withResolvers<unknown>();
    const watch = watchResource({
      client,
      resource: NODES,
      signal: stop.signal,
      project: () => true,
      onError: refused.resolve,
    });
    assert.match(String(await refused.promise), /Forbidden/);
    stop.abort(new Error('stopped'));
    await assert.rejects(watch.firstSync, /stopped/);
    assert.equal(watch.synced, false);
  });
});
