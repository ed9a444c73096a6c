import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../../src/error/flatnet-error.ts';
import { AttributeReader } from '../../src/kernel/netlink/attribute-reader.ts';
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST } from '../../src/kernel/netlink/message.ts';
import { MessageBuilder } from '../../src/kernel/netlink/message-builder.ts';
import { traceNetlink } from '../../src/kernel/netlink/message-trace.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/netlink-socket.ts';
import { encodeLinkDump } from '../../src/kernel/rtnetlink/link.ts';
import { encodeLinkSettings } from '../../src/kernel/rtnetlink/link-settings.ts';
import { readLinks } from '../../src/kernel/rtnetlink/link-table.ts';
import { newNamespace, routeSocket } from '../namespace.ts';

const RTM_NEWLINK = 16;
const RTM_GETADDR = 22;
const IFLA_IFNAME = 3;
const IFLA_LINKINFO = 18;

function addBridge(builder: MessageBuilder, name: string): void {
  builder.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  builder.raw32(0).raw32(0).raw32(0).raw32(0).string(IFLA_IFNAME, name);
  const information = builder.beginNest(IFLA_LINKINFO);
  builder.string(1, 'bridge').endNest(information).end();
}

describe('NetlinkSocket', () => {
  it('carries out several messages of one request and names those that failed', (t) => {
    const socket = routeSocket(t, newNamespace(t));
    const builder = new MessageBuilder();
    for (const name of ['one', 'two', 'one', 'three', 'a-name-that-is-too-long']) addBridge(builder, name);
    const failures = socket.exchange(builder);
    assert.deepEqual(
      failures.map(({ index, error }) => [index, error.code, error.errno, error.operation]),
      [
        [2, 'conflict', 17, 'netlink RTM_NEWLINK'],
        [4, 'io', 34, 'netlink RTM_NEWLINK'],
      ],
    );
    assert.match(failures[1]?.error.message ?? '', /ERANGE.*policy validation/);
    assert.deepEqual(
      readLinks(socket).links.map(({ name }) => name),
      ['lo', 'one', 'two', 'three'],
    );
    assert.throws(
      () => socket.request(builder),
      (error) => isFlatnetError(error, 'conflict'),
    );
  });

  it('does the same off the JavaScript thread, one request at a time', async (t) => {
    const socket = routeSocket(t, newNamespace(t));
    const builder = new MessageBuilder();
    for (const name of ['one', 'one']) addBridge(builder, name);
    const underWay = socket.exchangeAsync(builder);
    assert.throws(
      () => readLinks(socket),
      (error) => isFlatnetError(error, 'unavailable'),
    );
    assert.deepEqual(
      (await underWay).map(({ index }) => index),
      [1],
    );
    assert.deepEqual(
      readLinks(socket).links.map(({ name }) => name),
      ['lo', 'one'],
    );
    addBridge(builder.reset(), 'one');
    await assert.rejects(socket.requestAsync(builder), { code: 'conflict' });
  });

  it('closes only when the request under way is done', async (t) => {
    const namespace = newNamespace(t);
    const socket = NetlinkSocket.open('route', { namespace });
    const builder = new MessageBuilder();
    addBridge(builder, 'one');
    const underWay = socket.requestAsync(builder);
    socket.close();
    await underWay;
    assert.throws(
      () => readLinks(socket),
      (error) => isFlatnetError(error, 'unavailable'),
    );
    assert.deepEqual(
      readLinks(routeSocket(t, namespace)).links.map(({ name }) => name),
      ['lo', 'one'],
    );
  });

  it('reads a dump of many parts to its end, even where the reader throws', (t) => {
    const socket = routeSocket(t, newNamespace(t));
    const builder = new MessageBuilder();
    const names = Array.from({ length: 60 }, (_, index) => `bridge${index}`);
    for (const name of names) {
      addBridge(builder.reset(), name);
      socket.request(builder);
    }
    encodeLinkDump(builder.reset());
    assert.throws(
      () =>
        socket.dump(builder, () => {
          throw new Error('on purpose');
        }),
      /on purpose/,
    );
    assert.deepEqual(
      readLinks(socket).links.map(({ name }) => name),
      ['lo', ...names],
    );
  });

  it('begins a dump anew where the table changes under it', (t) => {
    const namespace = newNamespace(t);
    const [socket, other] = [routeSocket(t, namespace), routeSocket(t, namespace)];
    const builder = new MessageBuilder();
    for (let index = 0; index < 60; index++) addBridge(builder, `bridge${index}`);
    socket.request(builder);
    encodeLinkDump(builder.reset());
    const change = new MessageBuilder();
    let seen = 0;
    const indices = socket.dump(builder, (message) => {
      if (seen++ === 0) {
        addBridge(change, 'late');
        other.request(change);
      }
      return message.buffer.readInt32LE(message.start + 4);
    });
    assert.ok(seen > 62, 'the first attempt was given up');
    assert.equal(new Set(indices).size, indices.length);
    assert.equal(indices.length, 62);

    assert.throws(
      () =>
        socket.dump(builder, () => {
          if (seen++ % 10 === 0) {
            addBridge(change.reset(), `later${seen}`);
            other.request(change);
          }
          return 1;
        }),
      (error) => isFlatnetError(error, 'unavailable'),
    );
    assert.ok(readLinks(socket).links.length > 62, 'the socket is as good as before');
  });

  it('passes on what the kernel says of a dump that it refuses', (t) => {
    const socket = routeSocket(t, newNamespace(t));
    const builder = new MessageBuilder();
    builder.begin(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
    builder.rawBytes(2, 24, 0, 0).raw32(0).end();
    assert.throws(() => socket.dump(builder, () => 1), { operation: 'netlink RTM_GETADDR', errno: 22 });
    assert.equal(readLinks(socket).links.length, 1);
  });

  it('knows what its send buffer takes', (t) => {
    const namespace = newNamespace(t);
    const socket = NetlinkSocket.open('route', { namespace, sendBuffer: 8192, receiveBuffer: 1 << 20 });
    t.after(() => socket.close());
    assert.equal(socket.sendBufferSize, 16384);
    assert.ok(socket.receiveBufferSize > 200_000);
    const builder = new MessageBuilder();
    while (builder.length <= socket.longestRequest)
      encodeLinkSettings(builder, 1, { alias: `${builder.count}`.padEnd(200, '.') });
    assert.throws(() => socket.request(builder), { errno: 90 });
    builder.truncate(builder.count - 1);
    socket.request(builder);
    assert.equal(readLinks(socket).find('lo')?.alias, `${builder.count - 1}`.padEnd(200, '.'));
  });

  it('gives notifications of its own request back where asked, and its port', (t) => {
    const socket = routeSocket(t, newNamespace(t));
    const builder = new MessageBuilder();
    addBridge(builder, 'one');
    builder.addFlags(0x8);
    const names: string[] = [];
    socket.exchange(builder, (message) => {
      const attributes = AttributeReader.ofMessage(message, 16);
      while (attributes.next()) if (attributes.type === IFLA_IFNAME) names.push(attributes.string());
      assert.equal(message.port, socket.portId());
    });
    assert.deepEqual(names, ['one']);
  });

  it('prints every message sent and received to whoever asks', (t) => {
    const socket = routeSocket(t, newNamespace(t));
    const lines: string[] = [];
    t.after(() => traceNetlink(undefined));
    traceNetlink((line) => lines.push(line));
    const builder = new MessageBuilder();
    addBridge(builder, 'one');
    socket.request(builder);
    assert.throws(() => socket.request(builder));
    readLinks(socket);
    traceNetlink(undefined);
    assert.match(lines[0] ?? '', /^netlink > route RTM_NEWLINK flags=0x605 .*IFNAME="one" LINKINFO=\{KIND="bridge"\}$/);
    assert.match(lines[1] ?? '', /^netlink < route NLMSG_ERROR .*RTM_NEWLINK: done$/);
    assert.match(lines[3] ?? '', /RTM_NEWLINK: EEXIST/);
    assert.match(lines[4] ?? '', /^netlink > route RTM_GETLINK/);
    assert.ok(lines.some((line) => /^netlink < route RTM_NEWLINK .*IFNAME="lo"/.test(line)));
    assert.match(lines.at(-1) ?? '', /NLMSG_DONE/);
  });
});
