import fc from 'fast-check';
import type { NftChainText, NftText } from './nft-text.ts';

type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

/** Matches as people and network plugins write them, and as our own encoder has no words for. */
const MATCHES: readonly string[] = [
  'ip saddr 10.1.0.0/16',
  'ip daddr { 10.1.0.1, 10.5.0.0/24, 198.51.100.1-198.51.100.2 }',
  'ip daddr != { 10.1.0.0/24, 10.3.0.2 }',
  'ip6 daddr { fd00:1::/64, fd00:99::1 }',
  'ip6 saddr != { fd00:1::/64, fd00:5::3 }',
  'ip saddr & 255.254.0.0 == 10.2.0.0',
  'ip saddr . ip daddr { 10.0.0.0/14 . 10.0.0.0/8, 10.5.0.3 . 198.51.100.1 }',
  'ip6 saddr . tcp dport { fd00::/16 . 80-443, fd00:5::/64 . 1000 }',
  'iifname "e*"',
  'iifname { "eth0", "r*" }',
  'oifname != { "lo", "vx*" }',
  'iifname . ip saddr { "eth0" . 10.1.0.0/16, "ra" . 10.1.0.2 }',
  'iif lo',
  'oif != lo',
  'tcp dport { 80, 443, 1000-2000 }',
  'udp dport != 1000-1002',
  'tcp sport >= 1024',
  'th dport 80-81',
  'meta l4proto . th dport { tcp . 80, udp . 1000-2000, tcp . 30000 }',
  '@th,16,16 80',
  'ct state established,related',
  'ct state new',
  'ct state != invalid',
  'ct status dnat',
  'ct mark & 0x1 == 0x1',
  'ct original ip daddr 10.0.0.0/8',
  'ct reply ip saddr { 10.1.0.2, 10.5.0.0/24 }',
  'ct direction original',
  'tcp flags syn / fin,syn,rst,ack',
  'tcp flags & (fin | syn) == syn',
  'tcp flags { syn, syn | ack }',
  'fib daddr type local',
  'fib daddr type { local, broadcast }',
  'fib saddr type != unicast',
  'meta mark & 0xff == 0x1',
  'meta mark 0x1-0x10',
  'meta mark != { 0x1, 0x2 }',
  'icmp type { echo-request, echo-reply }',
  'icmpv6 type echo-request',
  'icmp type . icmp code { echo-request . 0, destination-unreachable . 3 }',
  'meta nfproto ipv4',
  'meta l4proto { tcp, udp }',
  'ip protocol icmp',
  'ip ttl < 64',
  'ip6 hoplimit 63-64',
  'meta length 0-60',
  'ip length 61-2000',
  'ip frag-off & 0x1fff != 0',
  'ip dscp cs1',
  'meta pkttype host',
  'limit rate 10/second',
  'limit rate over 10/minute burst 5 packets',
  'quota over 1 mbytes',
  'numgen random mod 10 < 5',
  'numgen inc mod 2 0',
  'symhash mod 2 0',
  'jhash ip saddr mod 2 seed 0x1 == 0',
  'socket transparent 1',
  'ct count over 100',
];

const VERDICT_MAPS: readonly string[] = [
  'ct state vmap { established : accept, related : accept, invalid : drop }',
  'ip saddr . ip daddr vmap { 10.1.0.0/24 . 10.0.0.0/8 : accept, * : continue }',
  'meta l4proto vmap { tcp : jump u, udp : accept }',
  'iifname vmap { "eth0" : jump u, "ra" : return, "lo" : accept }',
  'tcp dport vmap { 80 : drop, 81-443 : accept, 444-65535 : jump u }',
  'ip daddr . meta l4proto . th dport vmap { 198.51.100.1 . tcp . 80 : drop, 10.5.0.3 . udp . 1000 : goto u }',
  'numgen random mod 2 vmap { 0 : jump u, 1 : accept }',
  'meta mark & 0x3 vmap { 0x0 : continue, 0x1 : drop, 0x2 : accept }',
];

const ACTIONS: readonly string[] = [
  'accept',
  'accept',
  'drop',
  'return',
  'jump u',
  'goto u',
  'counter accept',
  'meta mark set 0x1',
  'meta mark set meta mark | 0x2',
  'meta mark set meta mark & 0xff00 | 0x1',
  'meta mark set ct mark',
  'ct mark set meta mark',
  'ct mark set meta mark & 0xff',
  'meta mark set tcp dport map { 80 : 0x1, 81-443 : 0x2 }',
];

const REFUSALS: readonly string[] = [
  'reject',
  'reject with icmpx admin-prohibited',
  'reject with icmpx no-route',
  'meta l4proto tcp reject with tcp reset',
  'reject with icmp type net-unreachable',
];

const DESTINATIONS: readonly string[] = [
  'dnat ip to 10.1.0.2',
  'dnat ip6 to fd00:5::3',
  'meta l4proto tcp dnat ip to 10.5.0.3:80',
  'meta l4proto { tcp, udp } dnat ip6 to [fd00:1::2]:1000-1002',
  'dnat ip to ip daddr map { 198.51.100.1 : 10.1.0.2, 198.51.100.2 : 10.5.0.3 }',
  'dnat ip to 10.5.0.3-10.5.0.4',
  'dnat ip to numgen random mod 2 map { 0 : 10.1.0.2, 1 : 10.5.0.3 }',
  'dnat ip addr . port to meta l4proto . th dport map { tcp . 80 : 10.1.0.2 . 1000, udp . 443 : 10.5.0.3 . 80 }',
  'dnat ip prefix to ip daddr map { 198.51.100.0/24 : 10.5.0.0/24 }',
  'redirect',
  'meta l4proto tcp redirect to :1000',
];

const SOURCES: readonly string[] = [
  'masquerade',
  'masquerade random',
  'masquerade fully-random,persistent',
  'meta l4proto { tcp, udp } masquerade to :1000-1002',
  'snat ip to 10.2.0.1',
  'snat ip6 to fd00:2::1',
  'snat ip to ip saddr map { 10.1.0.0/24 : 10.3.0.2, 10.5.0.3 : 10.6.0.1 }',
  'snat ip prefix to ip saddr map { 10.1.0.0/24 : 10.3.0.0/24 }',
  'ct status dnat masquerade',
];

const PRIORITIES = ['raw', 'mangle', 'filter', '-10', 'security', '300'];
const HOOKS: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];

const one = (texts: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);

function endOf(hook: Hook, isNat: boolean, isEarly: boolean): fc.Arbitrary<string> {
  const plain = fc.oneof({ weight: 4, arbitrary: one(ACTIONS) }, { weight: 1, arbitrary: one(VERDICT_MAPS) });
  if (isNat) {
    const ends = hook === 'prerouting' || hook === 'output' ? DESTINATIONS : SOURCES;
    return fc.oneof({ weight: 1, arbitrary: plain }, { weight: 4, arbitrary: one(ends) });
  }
  const raw = isEarly && (hook === 'prerouting' || hook === 'output') ? ['notrack', 'ct zone set 1'] : [];
  // anywhere else, a packet that goes in circles would do so for ever
  const hops = hook === 'input' || hook === 'output' ? ['ip ttl set 63', 'ip6 hoplimit set 63'] : [];
  const extra = [...raw, ...hops, ...(hook === 'postrouting' ? [] : REFUSALS)];
  return extra.length === 0 ? plain : fc.oneof({ weight: 6, arbitrary: plain }, { weight: 1, arbitrary: one(extra) });
}

function anyRule(hook: Hook, isNat: boolean, isEarly: boolean): fc.Arbitrary<string> {
  // the way back by the device that a packet came in by is asked for where it has just come in
  const asked =
    hook === 'prerouting' ? [...MATCHES, 'fib saddr . mark . iif oif missing', 'fib saddr . iif oif != 0'] : MATCHES;
  return fc
    .tuple(fc.array(one(asked), { maxLength: 2 }), endOf(hook, isNat, isEarly))
    .map(([matches, end]) => [...matches, end].join(' '));
}

function anyChain(id: number): fc.Arbitrary<NftChainText> {
  return fc
    .tuple(fc.constantFrom(...HOOKS), fc.nat(2), one(PRIORITIES), fc.nat(9))
    .chain(([hook, kind, priority, chance]) => {
      const isNat = kind === 0 && hook !== 'forward' && hook !== 'input';
      const at = isNat ? (hook === 'prerouting' || hook === 'output' ? '-100' : '100') : priority;
      const type = isNat ? 'nat' : kind === 1 && hook === 'output' ? 'route' : 'filter';
      const policy = chance === 0 && !isNat ? 'drop' : 'accept';
      return fc.array(anyRule(hook, isNat, at === 'raw'), { minLength: 1, maxLength: 5 }).map((rules) => ({
        name: `b${id}`,
        base: `type ${type} hook ${hook} priority ${at}; policy ${policy};`,
        rules,
      }));
    });
}

/** A table as somebody would write it. */
export function anyNftText(name: string): fc.Arbitrary<NftText> {
  const inner = fc.array(
    fc
      .tuple(one(MATCHES), fc.constantFrom('accept', 'drop', 'return', 'meta mark set 0x2'))
      .map((words) => words.join(' ')),
    { maxLength: 2 },
  );
  return fc
    .tuple(fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), inner)
    .chain(([ids, rules]) =>
      fc
        .tuple(...ids.map((_, index) => anyChain(index)))
        .map((chains) => ({ name, chains: [...chains, { name: 'u', base: '', rules }] })),
    );
}
