import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { parseAddress } from '../../address/address.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import { parseNftText } from '../../netfilter/nft-text/parse-ruleset.ts';
import { evaluateHook } from './evaluate-hook.ts';
import type { Flight, KernelView } from './flight.ts';
import { type Observer, observedBy } from './observation.ts';

const view: KernelView = {
  device: () => undefined,
  fib: () => '',
  masqueradeAddress: () => 1n,
  redirectAddress: () => 1n,
};

/** Watches and keeps nothing: the rules are gone through one by one. */
const watching: Observer = {
  narrow: () => undefined,
  within: (_, value) => ({ low: value, high: value }),
  tellApart: () => undefined,
  search: () => undefined,
  isOwn: () => false,
  asksForPort: () => false,
};

const rule = fc.oneof(
  fc
    .tuple(fc.nat(3), fc.constantFrom('accept', 'drop', 'counter', 'return', 'jump other'))
    .map(([last, does]) => `ip daddr 192.0.2.${last} ${does}`),
  fc.constantFrom(
    'ip daddr 192.0.2.0/31 counter',
    'tcp dport 80 ip daddr 192.0.2.1 accept',
    'ip daddr != 192.0.2.3 counter',
    'ip6 daddr 2001:db8::1 drop',
  ),
);

describe('the rules of a long chain', () => {
  it('make of a packet what all of them make of it one by one', () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 70, maxLength: 90 }), fc.nat(3), (rules, last) => {
        const own = rules.map((text, index) => (index < 66 ? 'ip daddr 198.51.100.1 drop' : text));
        const text = `table ip t { chain other { ip daddr 192.0.2.1 accept; }
          chain c { type filter hook input priority 0; policy accept; ${own.join('; ')}; } }`;
        const packet = {
          protocol: PROTOCOL_NUMBERS.tcp,
          source: parseAddress('203.0.113.1'),
          destination: parseAddress(`192.0.2.${last}`),
          sourcePort: 40000,
          destinationPort: 80,
          length: 60,
          hopLimit: 64,
          dontFragment: true,
        };
        const flight: Flight = {
          packet,
          mark: 0,
          tracking: { state: 'new', direction: 'original' },
          inputDevice: 'eth0',
        };
        const context = { ruleset: parseNftText(text), view, known: () => undefined };
        const evaluate = () => evaluateHook('input', flight, context);
        assert.deepEqual(evaluate(), observedBy(watching, evaluate));
      }),
    );
  });
});
