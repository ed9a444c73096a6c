import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Family } from '../../../address/family.ts';
import { formatRule } from '../../format-rule.ts';
import { formatTable } from '../../format-ruleset.ts';
import { parseIpsetSave } from '../../ipset/parse-ipset-save.ts';
import type { Rule, Table } from '../../node.ts';
import { parseIptablesSave } from '../parse-iptables-save.ts';
import { legacyTableName, translateIptables, translateIptablesSave } from './translate-ruleset.ts';

const IPSETS = `create pods hash:ip family inet hashsize 1024 maxelem 65536 timeout 0
add pods 10.244.1.2 timeout 0
add pods 10.244.1.3 timeout 90
create fronts hash:ip,port family inet hashsize 1024 maxelem 65536
add fronts 10.96.0.1,tcp:443
create pools hash:net family inet comment
add pools 10.244.0.0/16 comment "pods of the cluster"
create but hash:net family inet
add but 10.0.0.0/8
add but 10.1.0.0/16 nomatch
create node-ports bitmap:port range 0-65535
add node-ports 30080
add node-ports 31000-31009
create zone hash:net,iface family inet
add zone 10.0.0.0/8,eth0
create marked hash:ip,mark family inet
add marked 10.0.0.1,0x63
create both list:set size 8
add both pods
create more list:set size 8
add more pods
add more pools
`;

function translate(text: string, family: Family = 4): readonly Table[] {
  const options = { family, variant: 'nf_tables' as const, sets: parseIpsetSave(IPSETS) };
  const tables = translateIptablesSave(text, options);
  assert.deepEqual(translateIptables(parseIptablesSave(text), options), tables, 'in one go, or one after the other');
  return tables;
}

/** What one rule of the nat table's chain X becomes. */
function ruleOf(line: string, family: Family = 4): Rule {
  const [table] = translate(`*nat\n:X - [0:0]\n:Y - [0:0]\n-A X ${line}\nCOMMIT\n`, family);
  const rule = table?.chains[0]?.rules[0];
  assert.ok(rule !== undefined);
  return rule;
}

function textOf(line: string, family: Family = 4): string {
  const context = { family: family === 4 ? ('ip' as const) : ('ip6' as const), findSet: () => undefined };
  return formatRule({ statements: ruleOf(line, family).statements }, context);
}

describe('translateIptables', () => {
  it('says rules in nft’s terms', () => {
    const expected: readonly (readonly [string, string])[] = [
      ['-s 10.0.0.0/8 ! -d 10.0.0.1/32 -j ACCEPT', 'ip saddr 10.0.0.0/8 ip daddr != 10.0.0.1 accept'],
      ['-i veth+ ! -o eth0 -p tcp -m tcp --dport 80 -j Y', 'iifname "veth*" oifname != "eth0" tcp dport 80 jump Y'],
      ['-p udp -m multiport --dports 53,8000:8080 -g Y', 'udp dport { 53, 8000-8080 } goto Y'],
      ['-p tcp -m tcp ! --sport 1024: -j RETURN', 'tcp sport != 1024-65535 return'],
      ['-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', 'ct state established,related accept'],
      ['-m conntrack ! --ctstate INVALID -j ACCEPT', 'ct state & 0x1 == 0 accept'],
      ['-m conntrack --ctstate DNAT -j ACCEPT', 'ct status dnat accept'],
      ['-m mark ! --mark 0x4000/0x4000 -j RETURN', 'meta mark & 0x00004000 != 0x00004000 return'],
      ['-m addrtype --dst-type LOCAL -j Y', 'fib daddr type local jump Y'],
      ['-m addrtype ! --src-type LOCAL --limit-iface-out -j Y', 'fib saddr . oif type != local jump Y'],
      [
        '-m statistic --mode random --probability 0.50000000000 -j Y',
        'numgen random mod 2147483648 < 1073741824 jump Y',
      ],
      ['-m set --match-set pods src -j ACCEPT', 'ip saddr @pods accept'],
      ['-m set ! --match-set fronts dst,dst -j ACCEPT', 'ip daddr . meta l4proto . th dport != @fronts accept'],
      ['-j MARK --set-xmark 0x4000/0x4000', 'meta mark set (meta mark & 0xffffbfff) ^ 0x00004000'],
      ['-j MARK --set-xmark 0x4000/0x0', 'meta mark set meta mark ^ 0x00004000'],
      ['-j CONNMARK --save-mark', 'ct mark set meta mark'],
      ['-j CONNMARK --restore-mark --mask 0xff', 'meta mark set (meta mark & 0xffffff00) ^ (ct mark & 0x000000ff)'],
      ['-p tcp -m tcp -j DNAT --to-destination 10.244.1.2:80', 'meta l4proto tcp dnat to 10.244.1.2:80'],
      ['-j SNAT --to-source 10.0.0.1-10.0.0.9 --random-fully', 'snat to 10.0.0.1-10.0.0.9 fully-random'],
      ['-j TTL --ttl-set 7', 'ip ttl set 7'],
      ['-j TTL --ttl-inc 1', ''],
      ['-j MASQUERADE --random-fully', 'masquerade fully-random'],
      ['-p tcp -j REDIRECT --to-ports 15001', 'meta l4proto tcp redirect to :15001'],
      ['-p tcp -j REJECT --reject-with tcp-reset', 'meta l4proto tcp reject with tcp reset'],
      [
        '-p icmp -m icmp --icmp-type 3/4 -j ACCEPT',
        'meta l4proto icmp icmp type destination-unreachable icmp code frag-needed accept',
      ],
      ['-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu', 'meta l4proto tcp tcp flags & 0x6 == 2'],
      ['-m rpfilter --validmark --invert -j DROP', 'fib saddr . mark . iif oif missing drop'],
      ['-m recent --set --name AFFINITY --mask 255.255.255.255 --rsource -j ACCEPT', 'accept'],
      ['! -p tcp -m state --state NEW -j DROP', 'meta l4proto != tcp ct state new drop'],
      ['-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP', 'ct state & 0x6 == 0 ct status & 0x20 == 0 drop'],
      [
        '-m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT',
        '(ct state & 0x6) | (ct status & 0x20) != 0 accept',
      ],
      ['-m connmark --mark 0x1/0xf -j ACCEPT', 'ct mark & 0x0000000f == 0x00000001 accept'],
      ['-m addrtype --dst-type LOCAL,BROADCAST -j Y', 'fib daddr type { local, broadcast } jump Y'],
      ['-m iprange --src-range 10.0.0.1-10.0.0.9 -j Y', 'ip saddr 10.0.0.1-10.0.0.9 jump Y'],
      ['-m physdev --physdev-is-bridged -j Y', 'meta obrname != "" jump Y'],
      ['-m physdev ! --physdev-is-bridged -j Y', 'meta obrname "" jump Y'],
      ['-m owner --uid-owner 1337 -j RETURN', 'meta skuid 1337 return'],
      ['-m owner ! --uid-owner 100-200 -j RETURN', 'meta skuid != 100-200 return'],
      ['-m limit --limit 10/min --limit-burst 20 -j ACCEPT', 'limit rate 10/minute burst 20 packets accept'],
      ['-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j Y', 'meta l4proto tcp tcp flags & 0x17 == 2 jump Y'],
      ['-s 10.0.0.2/255.0.0.255 -j Y', 'ip saddr & 255.0.0.255 == 10.0.0.2 jump Y'],
      ['-m set --match-set node-ports dst -j Y', 'th dport @node-ports jump Y'],
      ['-m set --match-set zone src,src -j Y', 'ip saddr . iifname @zone jump Y'],
      ['-m set --match-set marked dst,dst -j Y', 'ip daddr . meta mark @marked jump Y'],
      ['-m set --match-set both src -j Y', 'ip saddr @both jump Y'],
      ['-m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP', 'drop'],
      ['-m devgroup --src-group 0x1/0xff -j Y', 'iifgroup & 0xff == 1 jump Y'],
      ['-j CONNMARK --set-xmark 0x80/0xf0', 'ct mark set (ct mark & 0xffffff0f) ^ 0x00000080'],
      [
        '-j CONNMARK --save-mark --nfmask 0xf --ctmask 0xf',
        'ct mark set (ct mark & 0xfffffff0) ^ (meta mark & 0x0000000f)',
      ],
      ['-j MARK --or-mark 0x4000', 'meta mark set (meta mark & 0xffffbfff) ^ 0x00004000'],
      ['-j MARK --and-mark 0xff', 'meta mark set meta mark & 0x000000ff'],
      [
        '-p tcp -m tcp -j DNAT --to-destination 10.0.0.1-10.0.0.5:80-90',
        'meta l4proto tcp dnat to 10.0.0.1-10.0.0.5:80-90',
      ],
      ['-p tcp -j MASQUERADE --to-ports 1024-65535', 'meta l4proto tcp masquerade to :1024-65535'],
      ['-j CT --notrack', 'notrack'],
      ['-j CT --zone 5', 'ct state & 0x40 == 0 ct zone set 5'],
      ['-p tcp -m tcp --dport 21 -j CT --helper ftp', 'tcp dport 21'],
      ['-j IDLETIMER --timeout 600 --label x', ''],
      ['-j NFLOG --nflog-group 100', ''],
      ['-j LOG --log-prefix "in: "', ''],
      ['-j SET --add-set pods src', ''],
      ['-j REJECT --reject-with icmp-admin-prohibited', 'reject with icmp admin-prohibited'],
    ];
    for (const [line, text] of expected) assert.equal(textOf(line), text, line);
    assert.equal(
      textOf('-s fd00::/64 -j DNAT --to-destination [fd00::2]:80', 6),
      'ip6 saddr fd00::/64 dnat to [fd00::2]:80',
    );
    assert.equal(textOf('-j DNAT --to-destination fd00::2', 6), 'dnat to fd00::2');
  });

  it('takes an IPv6 address for unicast by its form, whatever leads there', () => {
    assert.equal(textOf('-m addrtype --dst-type UNICAST -j Y', 6), 'ip6 daddr != ff00::/8 jump Y');
    assert.equal(textOf('-m addrtype ! --src-type UNICAST -j Y', 6), 'ip6 saddr ff00::/8 jump Y');
    assert.equal(textOf('-m addrtype --dst-type MULTICAST -j Y', 6), 'ip6 daddr ff00::/8 jump Y');
    assert.equal(textOf('-m addrtype --dst-type LOCAL -j Y', 6), 'fib daddr type local jump Y');
    assert.equal(ruleOf('-m addrtype --dst-type UNICAST,LOCAL -j Y', 6).statements[0]?.kind, 'unknown');
  });

  it('keeps what it cannot say: a match may hold or not, a target may do anything', () => {
    const last = (line: string) => ruleOf(line).statements;
    assert.deepEqual(last('-m recent --rcheck --seconds 10 --reap --name A --rsource -j Y'), [
      { kind: 'unknown', text: '-m recent --rcheck --seconds 10 --reap --name A --rsource', only: 'match' },
      { kind: 'verdict', verdict: { kind: 'jump', chain: 'Y' } },
    ]);
    assert.deepEqual(last('-m set --match-set but src -j Y')[0], {
      kind: 'unknown',
      text: '-m set --match-set but src',
      only: 'match',
    });
    assert.deepEqual(last('-j TPROXY --on-port 1 --on-ip 127.0.0.1'), [
      { kind: 'unknown', text: '-j TPROXY --on-port 1 --on-ip 127.0.0.1' },
    ]);
    assert.deepEqual(last('-s 10.0.0.0/fd00::1 -j Y')[0], {
      kind: 'unknown',
      text: '-s 10.0.0.0/fd00::1',
      only: 'match',
    });
  });

  it('knows what it does not know of the matches and targets that plugins use', () => {
    for (const line of [
      '-m socket --transparent',
      '-m hashlimit --hashlimit-upto 10/sec --hashlimit-name x',
      '-m u32 --u32 0x0>>0x10',
      '-m bpf --bytecode 4,48',
      '-m conntrack --ctstate INVALID,DNAT',
      '-m set --match-set more src',
      '-m set --match-set missing src',
      '-m set --match-set pods src --return-nomatch',
      '-m physdev --physdev-in veth0',
      '-m multiport --ports 80,443',
      '-m nfacct --nfacct-name mine',
      '-m owner --gid-owner 5',
      '-m string --string x --algo bm --to 65535',
    ])
      assert.deepEqual(ruleOf(`${line} -j Y`).statements[0], { kind: 'unknown', text: line, only: 'match' });
    for (const line of ['-j TPROXY --on-port 1', '-j NETMAP --to 10.0.0.0/8', '-j SYNPROXY', '-j CT --zone-orig 5'])
      assert.deepEqual(ruleOf(line).statements, [{ kind: 'unknown', text: line }]);
  });

  it('understands what firewalld, Istio and ip-masq-agent write', () => {
    const lines = [
      // firewalld
      'FORWARD -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT',
      'FORWARD -i lo -j ACCEPT',
      'FORWARD -m conntrack --ctstate INVALID -j DROP',
      'FORWARD -j REJECT --reject-with icmp-host-prohibited',
      'FWDI_public -p icmp -j ACCEPT',
      'IN_public_allow -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT',
      'IN_public_allow -d 224.0.0.251/32 -p udp -m udp --dport 5353 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT',
      'FORWARD -i eth0 -g FWDI_public',
      'IN_public_log -m limit --limit 5/min -j LOG --log-prefix "IN_public_REJECT: "',
      'PRE_public_allow -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x64/0xffffffff',
      // Istio
      'OUTPUT -s 127.0.0.6/32 -o lo -j RETURN',
      'OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --uid-owner 1337 -j IN_public_allow',
      'OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN',
      'OUTPUT -p tcp -j REDIRECT --to-ports 15001',
      'PREROUTING -p tcp -m mark --mark 0x539/0xfff -j ACCEPT',
      'PREROUTING ! -d 127.0.0.1/32 -p tcp -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff',
      // ip-masq-agent
      'POSTROUTING -m addrtype ! --dst-type LOCAL -j IP-MASQ',
      'IP-MASQ -d 10.0.0.0/8 -j RETURN',
      'IP-MASQ -j MASQUERADE --random-fully',
    ];
    const chains = new Set(lines.map((line) => line.slice(0, line.indexOf(' '))));
    const text = `*nat\n${[...chains].map((chain) => `:${chain} - [0:0]\n`).join('')}${lines.map((line) => `-A ${line}\n`).join('')}COMMIT\n`;
    const unknown = translate(text).flatMap((table) =>
      table.chains.flatMap(({ rules }) =>
        rules.filter(({ statements }) => statements.some(({ kind }) => kind === 'unknown')).map((rule) => rule.text),
      ),
    );
    assert.deepEqual(unknown, []);
  });

  it('translates whole networks where the chain tells which end', () => {
    const [table] = translate(
      '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.5.0.0/16 -j NETMAP --to 10.244.0.0/16\nCOMMIT\n',
    );
    assert.deepEqual(
      table?.chains[0]?.rules.map(({ statements }) =>
        formatRule({ statements }, { family: 'ip', findSet: () => undefined }),
      ),
      ['ip daddr 10.5.0.0/16 dnat to (ip daddr & 0.0.255.255) | 10.244.0.0'],
    );
  });

  it('keeps the line that a rule was written in, its comment, and its counts', () => {
    const rule = ruleOf('-m comment --comment "for pods" -m mark --mark 0x1 -j Y');
    assert.equal(rule.text, '-A X -m comment --comment "for pods" -m mark --mark 0x1 -j Y');
    assert.equal(rule.comment, 'for pods');
    const [table] = translate('*nat\n:X - [0:0]\n[3:180] -A X -j RETURN\nCOMMIT\n');
    assert.deepEqual(table?.chains[0]?.rules[0]?.statements[0], { kind: 'counter', packets: 3n, bytes: 180n });
  });

  it('puts chains at their hooks, and only the sets that are asked into a table', () => {
    const [filter, nat] = translateIptables(
      parseIptablesSave(`*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
-A FORWARD -m set --match-set pools src -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
COMMIT
`),
      { family: 4, variant: 'legacy', sets: parseIpsetSave(IPSETS) },
    );
    assert.ok(filter !== undefined && nat !== undefined);
    assert.equal(
      formatTable(filter),
      `table ip ${legacyTableName('filter')} {
	set pools {
		type ipv4_addr
		flags interval
		elements = { 10.244.0.0/16 comment "pods of the cluster" }
	}

	chain INPUT {
		type filter hook input priority filter; policy accept;
	}

	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		ip saddr @pools accept
	}
}
`,
    );
    assert.deepEqual(
      nat.chains.map(({ base }) => [base?.type, base?.hook, base?.priority]),
      [
        ['nat', 'prerouting', -100],
        ['nat', 'postrouting', 100],
      ],
    );
  });

  it('refuses what ipset does not print', () => {
    assert.throws(() => parseIpsetSave('add nowhere 10.0.0.1'), /line 1 names a set nowhere/);
    assert.throws(() => parseIpsetSave('create a'), /line 1 is cut off/);
    assert.throws(() => parseIpsetSave('flush a b'), /line 1 is neither/);
  });
});
