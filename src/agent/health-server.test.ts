import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { startHealthServer } from './health-server.ts';
import { AgentMetrics } from './metrics.ts';
import { Readiness } from './readiness.ts';

describe('health server', () => {
  it('serves health, readiness and metrics until it is told to end', async () => {
    const stop = new AbortController();
    const readiness = new Readiness(['network']);
    const metrics = new AgentMetrics();
    let stalled: string | undefined;
    const options = {
      host: '127.0.0.1',
      readiness,
      stalled: () => stalled,
      metrics: async () => ({ contentType: metrics.registry.contentType, text: await metrics.registry.metrics() }),
      signal: stop.signal,
    };
    const server = await startHealthServer({ ...options, port: 0 });
    const { port } = server.address() as AddressInfo;
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
      return { status: response.status, text: await response.text() };
    };

    assert.deepEqual(await get('/healthz'), { status: 200, text: 'ok\n' });
    stalled = 'no reconciliation has ended for 5 minutes';
    assert.equal((await get('/healthz')).status, 503);
    assert.equal((await get('/readyz')).status, 503);
    readiness.set('network', 'ok');
    assert.deepEqual(await get('/readyz'), { status: 200, text: '[+]network ok\nreadyz check passed\n' });
    metrics.changes.inc({ kind: 'put-route' }, 3);
    const { text } = await get('/metrics');
    assert.match(text, /^flatnet_changes_total\{kind="put-route"\} 3$/m);
    assert.match(text, /^process_resident_memory_bytes \d{7,}$/m);
    assert.equal((await get('/elsewhere')).status, 404);
    assert.equal((await get('/healthz', 'POST')).status, 405);

    await assert.rejects(startHealthServer({ ...options, port }), (error) => isFlatnetError(error, 'conflict'));
    const closed = new Promise((resolve) => server.once('close', resolve));
    stop.abort();
    await closed;
  });
});
