import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refuse, reply, ScriptedServer } from '../../test/kube/scripted-server.ts';
import { startApiServer } from '../apiserver/api-server.ts';
import { createServerCredentials } from '../apiserver/server-credentials.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { fixedToken } from './credentials/token-source.ts';
import { KubeClient } from './kube-client.ts';
import { isKubeReason, kubeStatusOf } from './kube-status.ts';
import { DEPLOYMENTS, NAMESPACES, NODES, PODS } from './resource.ts';

describe('KubeClient', () => {
  it('names objects by path, and bodies by type', async () => {
    await using server = await ScriptedServer.start(({ body }, response) =>
      reply(response, 200, body ?? { got: true }),
    );
    using client = new KubeClient({ server: server.url });
    await client.get(NODES, { name: 'node-1' });
    await client.create(PODS, { metadata: { namespace: 'default', generateName: 'a-' }, spec: { nodeName: 'x' } });
    await client.patch(DEPLOYMENTS, { namespace: 'a', name: 'b' }, { spec: {} }, { subresource: 'status' });
    const seen = server.requests.map(({ method, path, headers }) => [method, path, headers['content-type']]);
    assert.deepEqual(seen, [
      ['GET', '/api/v1/nodes/node-1', undefined],
      ['POST', '/api/v1/namespaces/default/pods', 'application/json'],
      ['PATCH', '/apis/apps/v1/namespaces/a/deployments/b/status', 'application/merge-patch+json'],
    ]);
    assert.deepEqual(server.requests[1]?.body, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'default', generateName: 'a-' },
      spec: { nodeName: 'x' },
    });
  });

  it('lists all pages and gives items their type', async () => {
    await using server = await ScriptedServer.start(({ query }, response) => {
      const first = query.get('continue') === null;
      const metadata = { resourceVersion: '7', ...(first ? { continue: 'more' } : {}) };
      reply(response, 200, { kind: 'NodeList', metadata, items: [{ metadata: { name: first ? 'a' : 'b' } }] });
    });
    using client = new KubeClient({ server: server.url });
    const { items, resourceVersion } = await client.list(NODES);
    assert.equal(resourceVersion, '7');
    assert.deepEqual(
      items.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
      ['Node a', 'Node b'],
    );
  });

  it('turns a refusal into an error that bears the Status', async () => {
    await using server = await ScriptedServer.start((_, response) =>
      refuse(response, 409, 'AlreadyExists', 'is there'),
    );
    using client = new KubeClient({ server: server.url });
    await assert.rejects(client.get(NODES, { name: 'a' }), (error) => {
      assert.ok(isFlatnetError(error, 'conflict'));
      assert.equal(kubeStatusOf(error)?.code, 409);
      assert.ok(isKubeReason(error, 'AlreadyExists'));
      return true;
    });
    server.handler = (_, response) => response.writeHead(502).end('<html>bad gateway');
    await assert.rejects(client.get(NODES, { name: 'a' }), { code: 'unavailable', message: /502: <html>bad gateway/ });
    server.handler = (_, response) => refuse(response, 404, 'NotFound');
    assert.equal(await client.find(NODES, { name: 'a' }), undefined);
  });

  it('waits where it is throttled', async () => {
    await using server = await ScriptedServer.start((_, response) => {
      if (server.requests.length === 1)
        reply(response, 429, { kind: 'Status', code: 429, message: 'slow' }, { 'retry-after': '0' });
      else reply(response, 200, { metadata: { name: 'a' } });
    });
    using client = new KubeClient({ server: server.url });
    assert.equal((await client.get(NODES, { name: 'a' })).metadata.name, 'a');
  });

  it('asks with a fresh token after one that was refused', async () => {
    let token = 'old';
    await using server = await ScriptedServer.start(({ headers }, response) =>
      headers.authorization === 'Bearer new' ? reply(response, 200, {}) : refuse(response, 401, 'Unauthorized'),
    );
    const source = {
      read: async () => token,
      expire: () => {
        token = 'new';
      },
    };
    using client = new KubeClient({ server: server.url, token: source });
    await client.read('/version');
    assert.equal(server.requests.length, 2);
  });

  it('fails where nobody answers, and with the reason of an abort', async () => {
    const gone = await ScriptedServer.start(() => {});
    const { url } = gone;
    await gone[Symbol.asyncDispose]();
    using client = new KubeClient({ server: url });
    await assert.rejects(client.read('/version'), { code: 'unavailable' });
    await using silent = await ScriptedServer.start(() => {});
    using patient = new KubeClient({ server: silent.url });
    const stop = new AbortController();
    const reading = patient.read('/version', { signal: stop.signal });
    stop.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
  });

  it('speaks TLS, and trusts the authority that it is given and no other', async () => {
    const tls = await createServerCredentials(['127.0.0.1']);
    const listen = [{ host: '127.0.0.1', port: 0 }];
    const server = await startApiServer({ listen, token: 'secret', tls });
    try {
      const url = new URL(server.urls[0] ?? '');
      const token = fixedToken('secret');
      using client = new KubeClient({ server: url, token, certificateAuthority: Buffer.from(tls.caCertificate) });
      assert.ok((await client.list(NAMESPACES)).items.length > 0);
      using trusting = new KubeClient({ server: url, token, skipVerification: true });
      assert.ok((await trusting.list(NAMESPACES)).items.length > 0);
      using stranger = new KubeClient({ server: url, token });
      await assert.rejects(stranger.list(NAMESPACES), { code: 'unavailable' });
      using intruder = new KubeClient({ server: url, token: fixedToken('guess'), skipVerification: true });
      await assert.rejects(intruder.list(NAMESPACES), { code: 'permission' });
    } finally {
      await server.close();
    }
  });

  it('goes on where the server has closed an idle connection', async () => {
    await using server = await ScriptedServer.start((_, response) => reply(response, 200, {}));
    using client = new KubeClient({ server: server.url });
    await client.read('/version');
    server.disconnect();
    await client.read('/version');
  });
});
