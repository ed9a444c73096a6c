import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryPrefix } from '../../address/arbitrary.ts';
import { parsePrefix } from '../../address/prefix.ts';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { formatIptablesSave } from './format-iptables-save.ts';
import type { IptablesOption, IptablesRule, IptablesRuleset } from './node.ts';
import { parseIptablesSave } from './parse-iptables-save.ts';

const KUBE_PROXY = `*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-YK2SNH4V42VSDWIJ - [0:0]
:KUBE-SEP-B4KBD76YHXMJL4VO - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.0.33.45/32 -p tcp -m comment --comment "default/nginx:web cluster IP" -m tcp --dport 80 -j KUBE-SVC-YK2SNH4V42VSDWIJ
-A KUBE-SVC-YK2SNH4V42VSDWIJ ! -s 10.240.0.0/16 -d 10.0.33.45/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-YK2SNH4V42VSDWIJ -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-B4KBD76YHXMJL4VO
-A KUBE-SEP-B4KBD76YHXMJL4VO -p tcp -m tcp -j DNAT --to-destination 10.240.0.28:80
-A KUBE-SEP-B4KBD76YHXMJL4VO ! -i veth+ -m mark ! --mark 0x4000/0x4000 -m set ! --match-set pods src,dst -g RETURN
COMMIT
`;

const word = fc.stringMatching(/^[a-z0-9/:.,"\\ !-]{1,12}$/);
const option: fc.Arbitrary<IptablesOption> = fc
  .tuple(fc.constantFrom('dport', 'comment', 'match-set', 'ctstate'), fc.boolean(), fc.array(word, { maxLength: 2 }))
  .map(([name, negated, values]) => ({ name, negated, values }));
const options = fc.array(option, { maxLength: 2 });
const negatable = <Value>(value: fc.Arbitrary<Value>) =>
  fc.option(
    fc.tuple(value, fc.boolean()).map(([given, negated]) => ({ value: given, negated })),
    { nil: undefined },
  );

const rule: fc.Arbitrary<IptablesRule> = fc
  .tuple(
    negatable(arbitraryPrefix.map((prefix) => ({ kind: 'prefix' as const, prefix }))),
    negatable(fc.constantFrom('eth0', 'veth+')),
    negatable(fc.constantFrom('tcp', 'udp', '47')),
    fc.array(fc.tuple(fc.constantFrom('comment', 'tcp', 'set'), options), { maxLength: 3 }),
    fc.option(fc.tuple(fc.constantFrom('jump' as const, 'goto' as const), options), { nil: undefined }),
    fc.option(fc.tuple(fc.maxSafeNat(), fc.maxSafeNat()), { nil: undefined }),
  )
  .map(([source, inputInterface, protocol, matches, target, counters]) => ({
    ...(source !== undefined && { source }),
    ...(inputInterface !== undefined && { inputInterface }),
    ...(protocol !== undefined && { protocol }),
    matches: matches.map(([module, given]) => ({ module, options: given })),
    ...(target !== undefined && { target: { kind: target[0], name: 'CHAIN', options: target[1] } }),
    ...(counters !== undefined && { counters: { packets: BigInt(counters[0]), bytes: BigInt(counters[1]) } }),
  }));

const ruleset: fc.Arbitrary<IptablesRuleset> = fc
  .array(fc.tuple(fc.constantFrom('filter', 'nat'), fc.array(rule, { maxLength: 5 })), { maxLength: 2 })
  .map((tables) => ({
    tables: tables.map(([name, rules]) => ({
      name,
      chains: [
        { name: 'INPUT', policy: 'DROP', counters: { packets: 1n, bytes: 60n }, rules },
        { name: 'CHAIN', counters: { packets: 0n, bytes: 0n }, rules: [] },
      ],
    })),
  }));

describe('iptables-save', () => {
  it('prints what it reads, letter by letter', () => {
    assert.equal(formatIptablesSave(parseIptablesSave(KUBE_PROXY)), KUBE_PROXY);
  });

  it('reads what it prints', () => {
    fc.assert(fc.property(ruleset, (given) => assert.deepEqual(parseIptablesSave(formatIptablesSave(given)), given)));
  });

  it('tells options of matches from those of targets', () => {
    const [table] = parseIptablesSave(KUBE_PROXY).tables;
    const endpoint = table?.chains.find(({ name }) => name === 'KUBE-SEP-B4KBD76YHXMJL4VO');
    assert.deepEqual(endpoint?.rules[0], {
      protocol: { value: 'tcp', negated: false },
      matches: [{ module: 'tcp', options: [] }],
      target: {
        kind: 'jump',
        name: 'DNAT',
        options: [{ name: 'to-destination', negated: false, values: ['10.240.0.28:80'] }],
      },
    });
    const service = table?.chains.find(({ name }) => name.startsWith('KUBE-SVC'));
    assert.deepEqual(service?.rules[0]?.source, {
      value: { kind: 'prefix', prefix: parsePrefix('10.240.0.0/16') },
      negated: true,
    });
  });

  it('refuses what is cut off or is something else, and says where', () => {
    const bad: readonly (readonly [string, RegExp])[] = [
      ['*nat\n:A - [0:0]\n', /no COMMIT/],
      ['-A INPUT -j DROP\n', /line 1 stands in no table/],
      ['*nat\n-A MISSING -j DROP\nCOMMIT\n', /line 2 names a chain that table nat lacks: "-A MISSING/],
      ['*nat\n:A - [0:0]\n-A A what -j DROP\nCOMMIT\n', /line 3 has a word/],
      ['*nat\nhello\nCOMMIT\n', /line 2 is no rule/],
    ];
    for (const [text, pattern] of bad)
      assert.throws(
        () => parseIptablesSave(text),
        (error) => isFlatnetError(error, 'invalid') && pattern.test(error.message),
      );
  });
});
