import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { ServiceHealthServers } from './service-health.ts';

/** Listens on a port that nobody is given who asks for any. */
async function listenSomewhere(): Promise<{ readonly server: net.Server; readonly port: number }> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 10_000);
    const server = net.createServer().listen(port);
    const failure = await once(server, 'listening').then(
      () => undefined,
      (error) => error,
    );
    if (failure === undefined) return { server, port };
    assert.equal(failure.code, 'EADDRINUSE');
  }
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const { server, port } = await listenSomewhere();
  server.close();
  await once(server, 'close');
  return port;
}

function servers(t: TestContext, errors: unknown[] = []): ServiceHealthServers {
  const made = new ServiceHealthServers((error) => errors.push(error), 5);
  t.after(() => made[Symbol.dispose]());
  return made;
}

async function ask(port: number) {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  return {
    status: response.status,
    weight: response.headers.get('x-load-balancing-endpoint-weight'),
    body: await response.json(),
  };
}

describe('health check ports', () => {
  it("answer in kube-proxy's words whether the node has endpoints, as it is now", async (t) => {
    const port = await freePort();
    const health = servers(t);
    const follow = (localEndpoints: number) =>
      health.follow([['default/web', { healthCheck: { port, localEndpoints } }]]);
    follow(2);
    const service = { namespace: 'default', name: 'web' };
    assert.deepEqual(await ask(port), {
      status: 200,
      weight: '2',
      body: { service, localEndpoints: 2, serviceProxyHealthy: true },
    });
    follow(0);
    assert.deepEqual(await ask(port), {
      status: 503,
      weight: '0',
      body: { service, localEndpoints: 0, serviceProxyHealthy: true },
    });
  });

  it('close with their service', async (t) => {
    const port = await freePort();
    const health = servers(t);
    health.follow([['default/web', { healthCheck: { port, localEndpoints: 1 } }]]);
    assert.equal((await ask(port)).status, 200);
    health.follow([['default/web', {}]]);
    await assert.rejects(ask(port));
  });

  it('say that somebody else has a port, and take it once it is free', async (t) => {
    const { server: rival, port } = await listenSomewhere();
    const errors: unknown[] = [];
    const health = servers(t, errors);
    health.follow([['default/web', { healthCheck: { port, localEndpoints: 1 } }]]);
    while (errors.length === 0) await new Promise(setImmediate);
    rival.close();
    await once(rival, 'close');
    const answered = () => ask(port).catch(() => undefined);
    for (;;) if ((await answered())?.status === 200) break;
  });
});
