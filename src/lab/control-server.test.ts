import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import { ControlClient } from './control-client.ts';
import { type ControlMethod, ControlServer } from './control-server.ts';
import { readLines } from './line-reader.ts';

async function serve(t: TestContext, methods: Record<string, ControlMethod>) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'control-'));
  const socket = path.join(directory, 's');
  const server = await ControlServer.listen({ lab: 'test', path: socket, methods: new Map(Object.entries(methods)) });
  t.after(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });
  return socket;
}

describe('the control socket', () => {
  it('is for its owner only', async (t) => {
    assert.equal(statSync(await serve(t, {})).mode & 0o777, 0o600);
  });

  it('answers requests in whatever order they are done', async (t) => {
    const slow = Promise.withResolvers<string>();
    const socket = await serve(t, { slow: () => slow.promise, fast: async ({ params }) => params });
    using client = await ControlClient.connect('test', socket);
    const first = client.request('slow');
    assert.deepEqual(await client.request('fast', { a: [1] }), { a: [1] });
    slow.resolve('done');
    assert.equal(await first, 'done');
  });

  it('hands on events, input and cancellation', async (t) => {
    const cancelled = Promise.withResolvers<void>();
    const socket = await serve(t, {
      echo: ({ emit, onInput, signal }) =>
        new Promise((resolve) => {
          onInput((input) => void emit({ heard: input }));
          signal.addEventListener('abort', () => {
            cancelled.resolve();
            resolve('cancelled');
          });
        }),
    });
    using client = await ControlClient.connect('test', socket);
    const heard = Promise.withResolvers<unknown>();
    const stop = new AbortController();
    const request = client.open('echo', {}, { onEvent: heard.resolve, signal: stop.signal });
    request.send('hello');
    assert.deepEqual(await heard.promise, { heard: 'hello' });
    stop.abort();
    assert.equal(await request.result, 'cancelled');
    await cancelled.promise;
  });

  it('cancels what a client leaves behind', async (t) => {
    const left = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const socket = await serve(t, {
      wait: ({ signal }) =>
        new Promise((resolve) => {
          began.resolve();
          signal.addEventListener('abort', () => {
            left.resolve();
            resolve(null);
          });
        }),
    });
    const client = await ControlClient.connect('test', socket);
    client.request('wait').catch(() => undefined);
    await began.promise;
    client.close();
    await left.promise;
  });

  it('outlives a client that goes away in the midst of what it is told', async (t) => {
    const left = Promise.withResolvers<void>();
    const path = await serve(t, {
      tell: ({ emit, signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            left.resolve();
            resolve(null);
          });
          void emit('x'.repeat(10_000_000));
        }),
    });
    const socket = net.connect(path);
    await once(socket, 'data');
    socket.write('{"id":1,"method":"tell"}\n');
    await once(socket, 'data');
    socket.destroy();
    await left.promise;
  });

  it('carries errors with their code and remedy', async (t) => {
    const error = { operation: 'find', code: 'not-found', message: 'no such host', remedy: 'look again' } as const;
    const socket = await serve(t, {
      fail: async () => {
        throw new FlatnetError(error);
      },
    });
    using client = await ControlClient.connect('test', socket);
    await assert.rejects(
      client.request('fail'),
      (caught) =>
        isFlatnetError(caught, 'not-found') &&
        caught.remedy === 'look again' &&
        caught.message === 'find: no such host',
    );
    await assert.rejects(client.request('nonesuch'), (caught) => isFlatnetError(caught, 'not-found'));
  });

  it('answers with an error what it has no words for, and goes on', async (t) => {
    const circle: { self?: object } = {};
    circle.self = circle;
    const socket = await serve(t, { circle: async () => circle, line: async () => 'straight' });
    using client = await ControlClient.connect('test', socket);
    await assert.rejects(client.request('circle'), /circular/);
    assert.equal(await client.request('line'), 'straight');
  });

  it('ends a connection that speaks something else', async (t) => {
    const socket = net.connect(await serve(t, {}));
    const lines: string[] = [];
    readLines(socket, (line) => lines.push(line));
    socket.write('GET / HTTP/1.1\n');
    await once(socket, 'close');
    assert.match(lines[0] ?? '', /"flatnet":"lab-control"/);
    assert.match(lines[1] ?? '', /is not JSON/);
  });

  it('says so where no lab listens', async () => {
    await assert.rejects(ControlClient.connect('x', '/nonexistent/socket'), (error) =>
      isFlatnetError(error, 'not-found'),
    );
  });
});
