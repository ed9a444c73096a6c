import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../../address/address.ts';
import { parseIpsetSave } from '../../netfilter/ipset/parse-ipset-save.ts';
import { parseIptablesSave } from '../../netfilter/iptables/parse-iptables-save.ts';
import { translateIptables } from '../../netfilter/iptables/translate/translate-ruleset.ts';
import { parseNftText } from '../../netfilter/nft-text/parse-ruleset.ts';
import type { Ruleset } from '../../netfilter/node.ts';
import { type Connection, track } from './connection.ts';
import { evaluateHook, type HookOutcome, type IpHook } from './evaluate-hook.ts';
import type { DrawPort, Flight, KernelView } from './flight.ts';
import { formatPacket, type Packet, reversed, type Tuple } from './packet.ts';

/** A host with a bridge of pods and one uplink. */
const VIEW: KernelView = {
  device: (name) => ({ lo: { index: 1, type: 772, group: 0 }, eth0: { index: 2, type: 1, group: 0 } })[name],
  fib: (selectors, result, { packet }) => {
    const address = formatAddress(selectors[0] === 'saddr' ? packet.source : packet.destination);
    return result === 'type' ? (address === '192.0.2.1' ? 2n : 1n) : 2n;
  },
  masqueradeAddress: () => parseAddress('192.0.2.1').value,
  redirectAddress: () => parseAddress('192.0.2.1').value,
};

function tcp(from: string, to: string, port: number, sourcePort = 40000): Packet {
  return {
    protocol: 6,
    source: parseAddress(from),
    destination: parseAddress(to),
    sourcePort,
    destinationPort: port,
    tcpFlags: 2,
    length: 60,
    hopLimit: 64,
    dontFragment: true,
  };
}

function run(
  ruleset: Ruleset,
  hook: IpHook,
  packet: Packet,
  rest: Partial<Flight> = {},
  known?: Connection,
): readonly HookOutcome[] {
  const flight: Flight = { packet, mark: 0, tracking: { state: 'invalid', direction: 'original' }, ...rest };
  const find = (_: Tuple, zone: number) => ((known?.zone ?? 0) === zone ? known : undefined);
  return evaluateHook(hook, flight, { ruleset, view: VIEW, known: find });
}

/** Outcomes as `PROBABILITY VERDICT PACKET`. */
function texts(outcomes: readonly HookOutcome[]): readonly string[] {
  return outcomes
    .map(
      ({ probability, verdict, flight }) =>
        `${probability?.toFixed(3) ?? '?'} ${verdict.kind} ${formatPacket(flight.packet)}`,
    )
    .sort();
}

function iptables(text: string, ipsets = ''): Ruleset {
  const sets = parseIpsetSave(ipsets);
  return { tables: translateIptables(parseIptablesSave(text), { family: 4, variant: 'legacy', sets }) };
}

const KUBE_PROXY = iptables(`*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SVC-A - [0:0]
:KUBE-SEP-1 - [0:0]
:KUBE-SEP-2 - [0:0]
:KUBE-SEP-3 - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-A
-A KUBE-SVC-A ! -s 10.244.0.0/16 -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-MARK-MASQ
-A KUBE-SVC-A -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-1
-A KUBE-SVC-A -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-2
-A KUBE-SVC-A -j KUBE-SEP-3
-A KUBE-SEP-1 -s 10.244.1.1/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-1 -p tcp -m tcp -j DNAT --to-destination 10.244.1.1:6443
-A KUBE-SEP-2 -s 10.244.1.2/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-2 -p tcp -m tcp -j DNAT --to-destination 10.244.1.2:6443
-A KUBE-SEP-3 -s 10.244.1.3/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-3 -p tcp -m tcp -j DNAT --to-destination 10.244.1.3:6443
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
`);

describe('evaluateHook', () => {
  it("chooses among a service's endpoints, each as likely, and masquerades hairpin", () => {
    const outcomes = run(KUBE_PROXY, 'prerouting', tcp('10.244.1.1', '10.96.0.1', 443), { inputDevice: 'eth0' });
    assert.deepEqual(texts(outcomes), [
      '0.333 accept tcp 10.244.1.1:40000 → 10.244.1.1:6443',
      '0.333 accept tcp 10.244.1.1:40000 → 10.244.1.2:6443',
      '0.333 accept tcp 10.244.1.1:40000 → 10.244.1.3:6443',
    ]);
    const after = outcomes.map(
      ({ flight }) => texts(run(KUBE_PROXY, 'postrouting', flight.packet, { ...flight, outputDevice: 'eth0' }))[0],
    );
    assert.deepEqual(after.toSorted(), [
      '1.000 accept tcp 10.244.1.1:40000 → 10.244.1.2:6443',
      '1.000 accept tcp 10.244.1.1:40000 → 10.244.1.3:6443',
      '1.000 accept tcp 192.0.2.1:40000 → 10.244.1.1:6443',
    ]);
    const last = outcomes[0]?.steps.at(-1);
    assert.match(last?.kind === 'rule' ? (last.rule.text ?? '') : '', /^-A KUBE-SEP-\d .*-j DNAT/);
    assert.deepEqual(texts(run(KUBE_PROXY, 'prerouting', tcp('10.244.1.1', '10.96.0.1', 80))), [
      '1.000 accept tcp 10.244.1.1:40000 → 10.96.0.1:80',
    ]);
  });

  it('undoes translations of the answer', () => {
    const [first] = run(KUBE_PROXY, 'prerouting', tcp('192.0.2.9', '10.96.0.1', 443), { inputDevice: 'eth0' });
    assert.ok(first !== undefined);
    const [sent] = run(KUBE_PROXY, 'postrouting', first.flight.packet, { ...first.flight, outputDevice: 'eth0' });
    const connection = sent?.flight.tracking.connection;
    assert.ok(sent !== undefined && connection !== undefined);
    const answer: Packet = { ...sent.flight.packet, ...reversed(sent.flight.packet), tcpFlags: 18 };
    const [back] = run(KUBE_PROXY, 'prerouting', answer, { inputDevice: 'eth0' }, connection);
    assert.equal(back?.flight.tracking.state, 'established');
    const [out] = run(KUBE_PROXY, 'postrouting', back?.flight.packet ?? answer, {
      ...back?.flight,
      outputDevice: 'eth0',
    });
    assert.deepEqual(texts(out === undefined ? [] : [out]), ['1.000 accept tcp 10.96.0.1:443 → 192.0.2.9:40000']);
  });

  it('runs tables by priority, and one drop is enough', () => {
    const ruleset = parseNftText(`table inet late {
	chain f {
		type filter hook forward priority filter + 10; policy drop;
		ct state established,related accept
		ip saddr @allowed accept
	}
	set allowed {
		type ipv4_addr
		flags interval
		elements = { 10.244.0.0/16, 10.9.0.1-10.9.0.5 }
	}
}
table ip early {
	chain f {
		type filter hook forward priority filter; policy accept;
		tcp dport vmap { 22 : drop, 80-89 : accept }
	}
}
`);
    const forward = (packet: Packet) => {
      const outcomes = run(ruleset, 'forward', packet, {
        inputDevice: 'eth0',
        outputDevice: 'lo',
        tracking: { state: 'new', direction: 'original' },
      });
      assert.equal(outcomes.length, 1);
      const last = outcomes[0]?.steps.at(-1);
      assert.ok(last?.kind === 'rule' || last?.kind === 'policy');
      return `${outcomes[0]?.verdict.kind} ${last.table.name} ${last.kind === 'rule' ? last.effect : 'policy drop'}`;
    };
    assert.equal(forward(tcp('10.244.1.1', '10.0.0.1', 22)), 'drop early drop');
    assert.equal(forward(tcp('10.244.1.1', '10.0.0.1', 81)), 'accept late accept');
    assert.equal(forward(tcp('10.9.0.4', '10.0.0.1', 443)), 'accept late accept');
    assert.equal(forward(tcp('10.9.0.6', '10.0.0.1', 80)), 'drop late policy drop');
    assert.equal(
      forward({
        ...tcp('10.9.0.6', '10.0.0.1', 80),
        source: parseAddress('fd00::1'),
        destination: parseAddress('fd00::2'),
      }),
      'drop late policy drop',
    );
  });

  it("finds endpoints in maps by random number, as Flatnet's and kube-proxy's tables do", () => {
    const ruleset = parseNftText(`table ip t {
	map services {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.0.1 . tcp . 443 : goto c2 }
	}
	map endpoints {
		type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service
		elements = { 10.96.0.1 . tcp . 443 . 0x0 : 10.244.1.1 . 6443, 10.96.0.1 . tcp . 443 . 0x1 : 10.244.1.2 . 6444 }
	}
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr . meta l4proto . th dport vmap @services
	}
	chain c2 {
		dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 2 map @endpoints
	}
}
`);
    assert.deepEqual(texts(run(ruleset, 'prerouting', tcp('10.244.1.9', '10.96.0.1', 443))), [
      '0.500 accept tcp 10.244.1.9:40000 → 10.244.1.1:6443',
      '0.500 accept tcp 10.244.1.9:40000 → 10.244.1.2:6444',
    ]);
  });

  it('branches where nobody can tell, and only where it matters', () => {
    const unsure = iptables(`*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m recent --rcheck --name A --rsource -j LOG
-A FORWARD -m recent --rcheck --name A --rsource -j DROP
-A FORWARD -j TPROXY --on-port 1
COMMIT
`);
    const outcomes = run(unsure, 'forward', tcp('10.0.0.1', '10.0.0.2', 80));
    assert.deepEqual(outcomes.map(({ verdict, probability }) => [verdict.kind, probability]).sort(), [
      ['accept', null],
      ['drop', null],
      ['unknown', null],
    ]);
  });

  it('asks where addresses belong, sets and marks of connections', () => {
    const ruleset = iptables(
      `*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -m set --match-set fronts dst,dst -j MARK --set-xmark 0x1/0xff
-A PREROUTING -m mark --mark 0x1/0xf -j CONNMARK --save-mark
COMMIT
*filter
:INPUT DROP [0:0]
-A INPUT -m addrtype --dst-type LOCAL -m connmark --mark 0x1 -j ACCEPT
COMMIT
`,
      'create fronts hash:ip,port family inet\nadd fronts 192.0.2.1,tcp:80\n',
    );
    const [arrived] = run(ruleset, 'prerouting', tcp('10.0.0.1', '192.0.2.1', 80), { inputDevice: 'eth0' });
    assert.equal(arrived?.flight.mark, 1);
    assert.equal(arrived?.flight.tracking.connection?.mark, 1);
    assert.ok(arrived !== undefined);
    assert.equal(run(ruleset, 'input', arrived.flight.packet, arrived.flight)[0]?.verdict.kind, 'accept');
    const other = { ...arrived.flight, packet: { ...arrived.flight.packet, destination: parseAddress('192.0.2.2') } };
    assert.equal(run(ruleset, 'input', other.packet, other)[0]?.verdict.kind, 'drop');
  });

  it('tracks no packet that a raw rule exempts, and takes an answer to nothing for invalid', () => {
    const ruleset = iptables(`*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -s 10.0.0.1/32 -j CT --notrack
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
`);
    assert.equal(run(ruleset, 'prerouting', tcp('10.0.0.1', '10.0.0.2', 80))[0]?.flight.tracking.state, 'untracked');
    assert.equal(run(ruleset, 'prerouting', tcp('10.0.0.3', '10.0.0.2', 80))[0]?.flight.tracking.state, 'new');
    const answer = { ...tcp('10.0.0.3', '10.0.0.2', 80), tcpFlags: 18 };
    assert.equal(run(ruleset, 'prerouting', answer)[0]?.flight.tracking.state, 'invalid');
  });

  it('keeps the connections of different zones apart', () => {
    const ruleset = iptables(`*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -i veth1 -j CT --zone 1
-A PREROUTING -j CT --zone 2
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED -j DROP
COMMIT
`);
    const packet = tcp('10.0.0.1', '10.0.0.2', 80);
    const [first] = run(ruleset, 'prerouting', packet, { inputDevice: 'veth1' });
    const connection = first?.flight.tracking.connection;
    assert.equal(connection?.zone, 1, 'the first rule counts');
    const known = { ...connection, confirmed: true, answered: true };
    const stateIn = (inputDevice: string) => run(ruleset, 'prerouting', packet, { inputDevice }, known)[0]?.flight;
    assert.equal(stateIn('veth1')?.tracking.state, 'established');
    assert.equal(stateIn('eth0')?.tracking.state, 'new');
    assert.equal(stateIn('eth0')?.tracking.connection?.zone, 2);
  });

  it('takes a packet in a zone for new before it is tracked, and tracks it whatever rules say later', () => {
    const ruleset = parseNftText(`table ip t { chain c { type filter hook prerouting priority -300;
      ct zone set 5
      ct state new ct zone 5 meta mark set 1
      notrack
      ct zone set 6
    } }`);
    const [outcome] = run(ruleset, 'prerouting', tcp('10.0.0.1', '10.0.0.2', 80));
    assert.equal(outcome?.flight.mark, 1);
    assert.equal(outcome?.flight.tracking.state, 'new');
    assert.equal(outcome?.flight.tracking.connection?.zone, 5);
  });

  it('sees in an ICMP error the connection of what it is about', () => {
    const ruleset = parseNftText(`table ip t { chain c { type filter hook forward priority 0;
      ct protocol tcp ct original proto-dst 80 drop
    } }`);
    const about = tcp('10.0.0.1', '10.0.0.2', 80);
    const connection: Connection = {
      original: about,
      reply: reversed(about),
      destinationSettled: true,
      sourceSettled: true,
      mark: 0,
    };
    const { sourcePort: _, destinationPort: __, tcpFlags: ___, ...error } = reversedPacket(about);
    const packet: Packet = { ...error, protocol: 1, icmpType: 3, icmpCode: 3, about };
    const tracking = { state: 'related', direction: 'reply', connection } as const;
    assert.equal(run(ruleset, 'forward', packet, { tracking })[0]?.verdict.kind, 'drop');
  });

  it('gives the port that is drawn where a translation says random, and any of a range', () => {
    const masquerade = (text: string) =>
      parseNftText(`table ip t { chain c { type nat hook postrouting priority 100; meta l4proto tcp ${text} } }`);
    const packet = tcp('10.0.0.1', '10.0.0.2', 80, 40000);
    const tracking = track(packet, () => undefined);
    const sourcePorts = (text: string, drawPort?: DrawPort) =>
      evaluateHook(
        'postrouting',
        { packet, mark: 0, tracking, outputDevice: 'eth0' },
        { ruleset: masquerade(text), view: VIEW, known: () => undefined, drawPort },
      ).map(({ flight }) => flight.packet.sourcePort);
    const draw = (own: number) => own + 1;
    assert.deepEqual(sourcePorts('masquerade', draw), [40000]);
    assert.deepEqual(sourcePorts('masquerade fully-random', draw), [40001]);
    assert.deepEqual(sourcePorts('masquerade fully-random'), [40000], 'its own stands for all');
    assert.deepEqual(sourcePorts('masquerade to :39999-40001'), [40000]);
    assert.deepEqual(sourcePorts('masquerade to :39999-40001 random').sort(), [39999, 40000, 40001]);
  });

  it('knows the type of the device that a packet belongs to: where it leaves by, once it leaves', () => {
    const ruleset = (hook: string) =>
      parseNftText(`table ip t { chain c { type filter hook ${hook} priority 0; iiftype ether drop; } }`);
    const packet = tcp('10.0.0.1', '10.0.0.2', 80);
    const leaving = { outputDevice: 'eth0', nextHop: packet.destination };
    assert.equal(run(ruleset('output'), 'output', packet, { outputDevice: 'eth0' })[0]?.verdict.kind, 'accept');
    assert.equal(run(ruleset('postrouting'), 'postrouting', packet, leaving)[0]?.verdict.kind, 'drop');
    assert.equal(run(ruleset('input'), 'input', packet, { inputDevice: 'lo' })[0]?.verdict.kind, 'accept');
    const framed = { outputDevice: 'eth0', frame: {} };
    assert.equal(run(ruleset('postrouting'), 'postrouting', packet, framed)[0]?.verdict.kind, 'drop');
  });

  it('sends errors of one family to packets of that family alone', () => {
    const ruleset = parseNftText(`table inet t { chain c { type filter hook input priority 0;
      reject with icmp net-unreachable
      reject with icmpv6 addr-unreachable
    } }`);
    const with4 = run(ruleset, 'input', tcp('10.0.0.1', '10.0.0.2', 80))[0]?.verdict;
    assert.deepEqual(with4, { kind: 'reject', with: 'net-unreachable' });
    const with6 = run(ruleset, 'input', tcp('fd00::1', 'fd00::2', 80))[0]?.verdict;
    assert.deepEqual(with6, { kind: 'reject', with: 'host-unreachable' });
  });

  it('leaves untracked, in a zone or not, what a rule of iptables has exempted before', () => {
    const ruleset = iptables(`*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j CT --notrack
-A PREROUTING -j CT --zone 1
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate NEW -j DROP
COMMIT
`);
    const [outcome] = run(ruleset, 'prerouting', tcp('10.0.0.1', '10.0.0.2', 80));
    assert.equal(outcome?.flight.tracking.state, 'untracked');
  });

  it('takes the answer of who speaks to himself at one port for an answer', () => {
    const ruleset = iptables(`*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
`);
    const packet = tcp('10.0.0.1', '10.0.0.1', 80, 80);
    const begun = track(packet, () => undefined).connection;
    assert.ok(begun !== undefined);
    const answer = { ...packet, tcpFlags: 18 };
    const [outcome] = run(ruleset, 'prerouting', answer, {}, { ...begun, confirmed: true });
    assert.equal(outcome?.flight.tracking.state, 'established');
  });
});

function reversedPacket(packet: Packet): Packet {
  return { ...packet, ...reversed(packet) };
}
