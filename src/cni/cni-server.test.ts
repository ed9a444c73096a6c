import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { CniReply } from './cni-request.ts';
import { CniServer } from './cni-server.ts';
import { echo, makeDirectory } from './service-fixture.ts';
import { formatShimRequest, LARGEST_REQUEST, parseShimReply, type ShimRequest } from './shim-protocol.ts';

async function ask(socket: string, request: Uint8Array): Promise<CniReply | undefined> {
  const connection = connect({ path: socket, allowHalfOpen: true });
  connection.end(request);
  return parseShimReply(await buffer(connection));
}

const request: ShimRequest = { plugin: 'flatnet', environment: { CNI_COMMAND: 'ADD' }, stdin: '{}' };

describe('CniServer', () => {
  it('is for root only', async (t) => {
    const socket = path.join(makeDirectory(t), 'run/cni.sock');
    await using _server = await CniServer.listen({ socket, handle: echo });
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    assert.equal(statSync(path.dirname(socket)).mode & 0o777, 0o700);
  });

  it('answers what was asked, many at once', async (t) => {
    const socket = path.join(makeDirectory(t), 'cni.sock');
    await using _server = await CniServer.listen({ socket, handle: echo });
    const requests = Array.from({ length: 60 }, (_, number) => ({ ...request, stdin: 'x'.repeat(number * 1000) }));
    const replies = await Promise.all(requests.map((asked) => ask(socket, formatShimRequest(asked))));
    assert.deepEqual(
      replies,
      requests.map((asked) => ({ exit: 0, stdout: JSON.stringify(asked) })),
    );
  });

  it('refuses what is too large, cut off, of another version, or does not come', async (t) => {
    const socket = path.join(makeDirectory(t), 'cni.sock');
    await using _server = await CniServer.listen({ socket, handle: echo });
    const large = formatShimRequest({ ...request, stdin: 'x'.repeat(LARGEST_REQUEST) });
    const whole = formatShimRequest(request);
    for (const [bytes, pattern] of [
      [large, /larger than/],
      [whole.subarray(0, 12), /cut off/],
      [Uint8Array.of(9, 0, 0), /version 9/],
    ] as const) {
      const reply = await ask(socket, bytes);
      assert.equal(reply?.exit, 1);
      assert.match(reply.stdout, pattern);
    }
    const hasty = path.join(path.dirname(socket), 'hasty.sock');
    await using _hasty = await CniServer.listen({ socket: hasty, handle: echo, requestTimeout: 20 });
    const silent = connect({ path: hasty, allowHalfOpen: true });
    assert.match(parseShimReply(await buffer(silent))?.stdout ?? '', /did not come within 20 ms/);
    silent.destroy();
  });

  it('answers what has arrived before it closes, and leaves no socket', async (t) => {
    const socket = path.join(makeDirectory(t), 'cni.sock');
    const controller = new AbortController();
    const gate = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const handle = async (asked: ShimRequest) => {
      arrived.resolve();
      await gate.promise;
      return await echo(asked);
    };
    const server = await CniServer.listen({ socket, handle, signal: controller.signal });
    const reply = ask(socket, formatShimRequest(request));
    await arrived.promise;
    controller.abort();
    assert.equal(existsSync(socket), false);
    gate.resolve();
    assert.equal((await reply)?.exit, 0);
    await server.close();
  });

  it("takes over a socket, and the former owner's end leaves it alone", async (t) => {
    const socket = path.join(makeDirectory(t), 'cni.sock');
    const old = await CniServer.listen({ socket, handle: async () => ({ exit: 0, stdout: 'old' }) });
    await using _young = await CniServer.listen({ socket, handle: async () => ({ exit: 0, stdout: 'young' }) });
    await old.close();
    assert.equal((await ask(socket, formatShimRequest(request)))?.stdout, 'young');
  });
});
