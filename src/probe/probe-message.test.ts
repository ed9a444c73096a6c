import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { anySocketAddress } from '../../test/any-socket-address.ts';
import { formatProbeReply, formatProbeRequest, parseProbeReply, parseProbeRequest } from './probe-message.ts';

describe('probe messages', () => {
  it('read back the requests that they write', () => {
    fc.assert(fc.property(fc.nat(), (id) => assert.equal(parseProbeRequest(formatProbeRequest(id)), id)));
  });

  it('read back the replies that they write', () => {
    const identity = fc.stringMatching(/^(pod\/[a-z]{1,9}\/[a-z0-9-]{1,9}|node\/[a-z0-9.-]{1,20})$/);
    const reply = fc
      .tuple(fc.nat(), identity, anySocketAddress, anySocketAddress)
      .map(([id, by, source, destination]) => ({ id, by, source, destination }));
    fc.assert(fc.property(reply, (value) => assert.deepEqual(parseProbeReply(formatProbeReply(value)), value)));
  });

  it('take nothing else for a probe or a reply', () => {
    for (const text of ['', 'GET / HTTP/1.1\r\n', 'flatnet-probe x\n', 'flatnet-probe 1'])
      assert.equal(parseProbeRequest(text), undefined, text);
    for (const text of [
      '',
      'flatnet-reply 1 pod/a/b 10.0.0.1:1\n',
      'flatnet-reply 1 pod/a/b 10.0.0.1:1 10.0.0.300:2\n',
      'flatnet-reply 1 pod/a/b 10.0.0.1:1 fd00::1:2\n',
    ])
      assert.equal(parseProbeReply(text), undefined, text);
  });
});
