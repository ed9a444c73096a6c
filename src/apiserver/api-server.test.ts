import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { type ApiServer, startApiServer } from './api-server.ts';
import { ObjectStore } from './store/object-store.ts';

const TOKEN = 'of this test alone';
let server: ApiServer;

before(async () => {
  const store = new ObjectStore({ history: { events: 20 } });
  server = await startApiServer({ listen: [{ host: '127.0.0.1', port: 0 }], token: TOKEN, store });
});

after(() => server.close());

/** The answer's JSON, of whatever shape. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${server.urls[0]}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const parsed: Record<string, unknown> = JSON.parse(await response.text());
  return { status: response.status, headers: response.headers, body: parsed };
}

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

async function createMap(name: string): Promise<string> {
  const { body } = await call('POST', CONFIG_MAPS, { metadata: { name } });
  return (body.metadata as { resourceVersion: string }).resourceVersion;
}

interface Line {
  readonly type: string;
  readonly object: Record<string, unknown>;
}

/** Lines of a watch, parsed, until it ends or the caller leaves the loop. */
async function* watch(query: string): AsyncGenerator<Line> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const outgoing = get(`${server.urls[0]}${CONFIG_MAPS}?watch=1&${query}`, { headers, agent: false });
  const [response]: IncomingMessage[] = await once(outgoing, 'response');
  assert.ok(response !== undefined);
  response.on('error', () => undefined);
  try {
    for await (const line of createInterface({ input: response })) yield JSON.parse(line);
  } finally {
    response.destroy();
  }
}

async function all(lines: AsyncIterable<Line>): Promise<readonly Line[]> {
  const collected: Line[] = [];
  for await (const line of lines) collected.push(line);
  return collected;
}

test('without the token only health and version answer', async () => {
  const url = server.urls[0] ?? '';
  const refused = await fetch(`${url}/api/v1/pods`, { headers: { authorization: 'Bearer other' } });
  assert.equal(refused.status, 401);
  assert.match(await refused.text(), /"reason":"Unauthorized"/);
  assert.equal((await fetch(`${url}/version`)).status, 200);
  assert.equal(await (await fetch(`${url}/readyz`)).text(), 'ok');
});

test('what is not served is a proper 404, 405, 406 or 415', async () => {
  const reasons = async (method: string, path: string, headers?: Record<string, string>): Promise<unknown> => {
    const { status, body } = await call(method, path, method === 'GET' ? undefined : {}, headers);
    assert.equal(body.kind, 'Status');
    return [status, body.reason];
  };
  assert.deepEqual(await reasons('GET', '/apis/batch/v1/jobs'), [404, 'NotFound']);
  assert.deepEqual(await reasons('GET', '/api/v1/widgets'), [404, 'NotFound']);
  assert.deepEqual(await reasons('GET', `${CONFIG_MAPS}/missing`), [404, 'NotFound']);
  assert.deepEqual(await reasons('PUT', CONFIG_MAPS), [405, 'MethodNotAllowed']);
  assert.deepEqual(await reasons('POST', `${CONFIG_MAPS}/x`), [405, 'MethodNotAllowed']);
  assert.deepEqual(await reasons('GET', CONFIG_MAPS, { accept: 'application/cbor' }), [406, 'NotAcceptable']);
  assert.deepEqual(await reasons('PATCH', `${CONFIG_MAPS}/x`), [415, 'UnsupportedMediaType']);
});

test('items of a list go without kind, and a table has columns', async () => {
  await createMap('listed');
  const list = await call('GET', CONFIG_MAPS);
  assert.equal(list.body.kind, 'ConfigMapList');
  assert.deepEqual(Object.keys((list.body.items as object[])[0] ?? {}), ['metadata']);
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const table = await call('GET', CONFIG_MAPS, undefined, { accept });
  const columns = table.body.columnDefinitions as { name: string }[];
  assert.deepEqual(
    columns.map(({ name }) => name),
    ['Name', 'Data', 'Age'],
  );
  const partial = await call('GET', `${CONFIG_MAPS}/listed`, undefined, {
    accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  });
  assert.equal(partial.body.kind, 'PartialObjectMetadata');
});

test('a watch tells what is, then what changes', async () => {
  const revision = await createMap('watched');
  const seen: string[] = [];
  for await (const { type, object } of watch(
    'sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan',
  )) {
    const metadata = object.metadata as { name?: string; annotations?: Record<string, string> };
    if (type === 'BOOKMARK') {
      assert.equal(metadata.annotations?.['k8s.io/initial-events-end'], 'true');
      await call('DELETE', `${CONFIG_MAPS}/watched`);
    }
    if (metadata.name === 'watched') seen.push(type);
    if (type === 'DELETED') break;
  }
  assert.deepEqual(seen, ['ADDED', 'DELETED']);
  for await (const { type } of watch(`resourceVersion=${revision}`)) {
    assert.equal(type, 'DELETED');
    break;
  }
});

test('a watch from a revision that is forgotten, or of another store, ends with 410', async () => {
  const old = await createMap('old');
  for (let index = 0; index < 30; index++) await createMap(`filler-${index}`);
  for (const revision of [old, '1', '9000000000000000']) {
    const events = await all(watch(`resourceVersion=${revision}`));
    assert.deepEqual(
      events.map(({ type, object }) => [type, object.code, object.reason]),
      [['ERROR', 410, 'Expired']],
    );
  }
});

test('a watch ends when its time is up, with a bookmark', async () => {
  const events = await all(watch(`resourceVersion=${server.store.revision}&timeoutSeconds=1&allowWatchBookmarks=1`));
  assert.deepEqual(
    events.map(({ type }) => type),
    ['BOOKMARK'],
  );
});

test('pages carry a token and what remains', async () => {
  const { body } = await call('GET', `${CONFIG_MAPS}?limit=5`);
  const { continue: token, remainingItemCount } = body.metadata as { continue: string; remainingItemCount: number };
  assert.ok(remainingItemCount > 20);
  const next = await call('GET', `${CONFIG_MAPS}?limit=500&continue=${encodeURIComponent(token)}`);
  assert.equal((next.body.items as object[]).length, remainingItemCount);
  assert.equal((await call('GET', `${CONFIG_MAPS}?continue=x`)).status, 400);
});

test('a collection is deleted by selector', async () => {
  for (const name of ['gone-a', 'gone-b']) {
    await call('POST', CONFIG_MAPS, { metadata: { name, labels: { batch: 'gone' } } });
  }
  const { body } = await call('DELETE', `${CONFIG_MAPS}?labelSelector=batch%3Dgone`);
  assert.equal((body.items as object[]).length, 2);
  assert.equal((await call('GET', `${CONFIG_MAPS}/gone-a`)).status, 404);
  assert.equal((await call('GET', `${CONFIG_MAPS}/listed`)).status, 200);
});

test('unknown fields are warned of', async () => {
  const { status, headers } = await call('POST', CONFIG_MAPS, { metadata: { name: 'warned' }, dta: {} });
  assert.equal(status, 201);
  assert.equal(headers.get('warning'), '299 - "unknown field \\"dta\\""');
});

test('an event is the same object in both of its versions', async () => {
  const event = {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
    message: 'm',
  };
  await call('POST', '/api/v1/namespaces/default/events', event);
  const { body } = await call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/e');
  assert.deepEqual([body.apiVersion, body.note, body.involvedObject], ['events.k8s.io/v1', 'm', undefined]);
  assert.deepEqual(body.regarding, event.involvedObject);
});

test('discovery, aggregated and not, tells the same resources', async () => {
  const plain = await call('GET', '/apis/apps/v1');
  const names = (plain.body.resources as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => !name.includes('/'));
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { body, headers } = await call('GET', '/apis', undefined, { accept });
  assert.equal(headers.get('content-type'), accept);
  const groups = body.items as { metadata: { name: string }; versions: { resources: { resource: string }[] }[] }[];
  const apps = groups.find(({ metadata }) => metadata.name === 'apps');
  assert.deepEqual(
    apps?.versions[0]?.resources.map(({ resource }) => resource),
    names,
  );
});

test('a closed server leaves no socket behind', async () => {
  const other = await startApiServer({ listen: [{ host: '127.0.0.1', port: 0 }], token: TOKEN });
  const url = `${other.urls[0]}/api/v1/pods?watch=1&allowWatchBookmarks=1`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } });
  await other.close();
  assert.match(await response.text(), /BOOKMARK/);
  await assert.rejects(fetch(url));
});
