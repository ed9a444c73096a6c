import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import { parseNetworkState } from '../../host/dump/parse-network-state.ts';
import { parseNftText } from '../../netfilter/nft-text/parse-ruleset.ts';
import { evaluateHook, type IpHook } from './evaluate-hook.ts';
import { fragmented, frameLength, reassembled } from './fragments.ts';
import { kernelView } from './kernel-view.ts';
import type { Packet } from './packet.ts';

const WHOLE: Packet = {
  protocol: 17,
  source: parseAddress('192.0.2.1'),
  destination: parseAddress('192.0.2.2'),
  sourcePort: 49152,
  destinationPort: 8472,
  length: 1480,
  hopLimit: 64,
  dontFragment: false,
};

const view = kernelView(parseNetworkState(() => undefined));

/** What becomes of a packet at a hook whose chain has these rules. */
function fateOf(packet: Packet, rules: string, { hook = 'prerouting' as IpHook, priority = '-300', more = '' } = {}) {
  const text = `table ip t { chain c { type filter hook ${hook} priority ${priority}; ${rules} }; ${more} }`;
  const ruleset = parseNftText(text);
  const flight = {
    packet,
    mark: 0,
    tracking: { state: 'invalid', direction: 'original' },
    inputDevice: 'eth0',
  } as const;
  const outcomes = evaluateHook(hook, flight, { ruleset, view, known: () => undefined });
  return outcomes.map((outcome) => outcome.verdict.kind).join();
}

describe('fragments', () => {
  const inPieces = fragmented(WHOLE, 1400);

  it('are as long as the MTU lets them be in units of eight bytes', () => {
    assert.equal(frameLength(inPieces), 1396);
    assert.equal(fragmented(WHOLE, 1480), WHOLE);
    assert.deepEqual(reassembled(inPieces), WHOLE);
  });

  it('are told from whole packets, and the first from the others, by their offset', () => {
    for (const rule of [
      'ip frag-off & 0x1fff != 0 drop;',
      'ip frag-off & 0x2000 != 0 drop;',
      'ip frag-off 172 drop;',
    ]) {
      assert.equal(fateOf(WHOLE, rule), 'accept', rule);
      assert.equal(fateOf(inPieces, rule), 'drop', rule);
    }
    assert.equal(fateOf(inPieces, 'ip frag-off & 0x4000 != 0 drop;'), 'accept');
  });

  it('have ports in the first alone', () => {
    const rules = 'udp dport 8472 accept; meta l4proto udp drop;';
    assert.equal(fateOf(WHOLE, rules), 'accept');
    assert.equal(fateOf(inPieces, rules), 'drop');
    assert.equal(fateOf(inPieces, 'udp dport != 53 drop;'), 'drop', 'the first has a port, and it is another');
  });

  it('are put together before connections are tracked, but for what comes before', () => {
    const rules = 'udp dport 8472 accept; meta l4proto udp drop;';
    const more = 'chain t { type filter hook input priority 0; ct state invalid drop; };';
    assert.equal(fateOf(inPieces, rules, { more }), 'accept');
    assert.equal(fateOf(inPieces, rules, { more, priority: '-450' }), 'drop');
    assert.equal(fateOf(inPieces, rules, { more, hook: 'forward' }), 'drop', 'only where they come in');
  });

  it('go unknown ways where rules mark one of them', () => {
    assert.equal(fateOf(inPieces, 'udp dport 8472 meta mark set 1;'), 'unknown');
    assert.equal(fateOf(inPieces, 'ip protocol udp meta mark set 1;'), 'accept');
  });

  it('are of several sorts where there are more than two', () => {
    const three = fragmented(WHOLE, 576);
    assert.equal(fateOf(three, 'ip frag-off 172 drop;'), 'drop,accept');
  });
});
