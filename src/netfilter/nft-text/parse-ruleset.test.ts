import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { arbitraryTable } from '../arbitrary.ts';
import { canonicalTable } from '../canonical-table.ts';
import { formatRuleset, formatTable } from '../format-ruleset.ts';
import type { Expression, Statement, Table } from '../node.ts';
import { parseNftText } from './parse-ruleset.ts';

function rulesOf(text: string, chain: string): readonly (readonly Statement[])[] {
  const found = parseNftText(text).tables.flatMap(({ chains }) => chains.filter(({ name }) => name === chain));
  return found.flatMap(({ rules }) => rules.map(({ statements }) => statements));
}

function inChain(...rules: string[]): string {
  return `table ip filter {\n\tchain X {\n${rules.map((rule) => `\t\t${rule}\n`).join('')}\t}\n}\n`;
}

/** Owned tables aren't printed as such. */
function unowned(table: Table): Table {
  return canonicalTable({ ...table, flags: table.flags.filter((flag) => flag === 'dormant') });
}

describe('parseNftText', () => {
  it('reads what is printed', () => {
    fc.assert(
      fc.property(arbitraryTable, (table) => {
        const [read, more] = parseNftText(formatTable(table)).tables;
        assert.ok(read !== undefined && more === undefined);
        assert.deepEqual(unowned(read), unowned(table));
      }),
    );
  });

  it('reads operations within operations as they are printed', () => {
    const mark: fc.Arbitrary<Expression> = fc.constantFrom({ kind: 'meta', key: 'mark' }, { kind: 'ct', key: 'mark' });
    const constant = fc
      .integer({ min: 0, max: 0xffff_ffff })
      .map((value): Expression => ({ kind: 'literal', literal: { kind: 'number', value } }));
    const { tree } = fc.letrec<{ tree: Expression; operation: Expression }>((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, mark, tie('operation')),
      operation: fc
        .tuple(fc.constantFrom('&' as const, '|' as const, '^' as const), tie('tree'), fc.oneof(constant, tie('tree')))
        .map(([operator, left, right]) => ({ kind: 'binary', operator, left, right })),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const table: Table = {
          family: 'ip',
          name: 'a',
          flags: [],
          sets: [],
          maps: [],
          chains: [{ name: 'x', rules: [{ statements: [{ kind: 'set-meta', key: 'mark', value }] }] }],
        };
        assert.deepEqual(parseNftText(formatTable(table)).tables, [table]);
      }),
    );
  });

  it("reads kube-proxy's tables, of before and after 1.36", () => {
    const text = `table ip kube-proxy {
	comment "rules for kube-proxy"

	set cluster-ips {
		type ipv4_addr
		comment "Active ClusterIPs"
		elements = { 10.96.0.1, 10.96.0.10 }
	}

	map service-ips {
		type ipv4_addr . inet_proto . inet_service : verdict
		comment "ClusterIP, ExternalIP and LoadBalancer IP traffic"
		elements = { 10.96.0.1 . tcp . 443 : goto service-2QRHZV4L-default/kubernetes/tcp/https,
			     10.96.0.10 . udp . 53 : goto service-FY5PMXPG-kube-system/kube-dns/udp/dns }
	}

	chain nat-prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		jump services
	}

	chain services {
		ip daddr . meta l4proto . th dport vmap @service-ips
		ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
	}

	chain masquerading {
		meta mark & 0x00004000 == 0x00000000 return
		meta mark set meta mark ^ 0x00004000
		masquerade fully-random
	}

	chain service-2QRHZV4L-default/kubernetes/tcp/https {
		ip daddr 10.96.0.1 tcp dport 443 ip saddr != 10.180.0.0/16 jump mark-for-masquerade
		numgen random mod 1 vmap { 0 : goto endpoint-XXXX }
	}

	chain service-FY5PMXPG-kube-system/kube-dns/udp/dns {
		dnat ip addr . port to numgen random mod 2 map { 0 : 10.180.0.4 . 53, 1 : 10.180.0.5 . 53 }
	}
}
`;
    const { tables } = parseNftText(text);
    assert.equal(
      formatRuleset({ tables }),
      `table ip kube-proxy {
	set cluster-ips {
		type ipv4_addr
		comment "Active ClusterIPs"
		elements = { 10.96.0.1,
			     10.96.0.10 }
	}

	map service-ips {
		type ipv4_addr . inet_proto . inet_service : verdict
		comment "ClusterIP, ExternalIP and LoadBalancer IP traffic"
		elements = { 10.96.0.1 . tcp . 443 : goto service-2QRHZV4L-default/kubernetes/tcp/https,
			     10.96.0.10 . udp . 53 : goto service-FY5PMXPG-kube-system/kube-dns/udp/dns }
	}

	chain nat-prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		jump services
	}

	chain services {
		ip daddr . meta l4proto . th dport vmap @service-ips
		ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
	}

	chain masquerading {
		meta mark & 0x00004000 == 0x00000000 return
		meta mark set meta mark ^ 0x00004000
		masquerade fully-random
	}

	chain service-2QRHZV4L-default/kubernetes/tcp/https {
		ip daddr 10.96.0.1 tcp dport 443 ip saddr != 10.180.0.0/16 jump mark-for-masquerade
		numgen random mod 1 vmap { 0 : goto endpoint-XXXX }
	}

	chain service-FY5PMXPG-kube-system/kube-dns/udp/dns {
		dnat ip to numgen random mod 2 map { 0 : 10.180.0.4 . 53, 1 : 10.180.0.5 . 53 }
	}
}
`,
    );
  });

  it('reads flags however they are asked for', () => {
    const [any, exact, none, slash, mask, either] = rulesOf(
      inChain(
        'ct state established,related accept',
        'tcp flags == syn accept',
        'tcp flags ! fin,syn accept',
        'tcp flags syn / syn,ack accept',
        'tcp flags & (syn | ack) == syn accept',
        'ct state { established, related } accept',
      ),
      'X',
    );
    const matchIn = (statements: readonly Statement[] | undefined) =>
      statements?.find((statement) => statement.kind === 'match');
    const left = { kind: 'payload', field: 'tcp flags' };
    const literal = (value: number) => ({ kind: 'literal', literal: { kind: 'number', value } });
    const binary = (value: number) => ({ kind: 'binary', operator: '&', left, right: literal(value) });
    assert.deepEqual(matchIn(any), {
      kind: 'match',
      operator: 'in',
      left: { kind: 'ct', key: 'state' },
      right: literal(6),
    });
    assert.deepEqual(matchIn(exact), { kind: 'match', operator: '==', left, right: literal(2) });
    assert.deepEqual(matchIn(none), { kind: 'match', operator: '==', left: binary(3), right: literal(0) });
    assert.deepEqual(matchIn(slash), { kind: 'match', operator: '==', left: binary(18), right: literal(2) });
    assert.deepEqual(matchIn(mask), matchIn(slash));
    const element = (value: number) => ({ key: [{ kind: 'number', value }] });
    assert.deepEqual(matchIn(either)?.right, { kind: 'set', elements: [element(2), element(4)] });
  });

  it('keeps what it does not know, and what follows it in the rule', () => {
    const [old, current, socket] = rulesOf(
      inChain(
        'meta l4proto tcp # xt_addrtype counter packets 1 bytes 2 jump DOCKER # handle 7',
        'xt match "statistic" counter packets 1 bytes 2 accept',
        'socket transparent 1 accept',
      ),
      'X',
    );
    const kinds = (statements: readonly Statement[] | undefined) => statements?.map(({ kind }) => kind);
    assert.deepEqual(kinds(old), ['match', 'unknown', 'counter', 'verdict']);
    assert.deepEqual(current?.[0], { kind: 'unknown', text: 'xt match "statistic"', only: 'match' });
    assert.deepEqual(kinds(current), ['unknown', 'counter', 'verdict']);
    assert.deepEqual(socket, [{ kind: 'unknown', text: 'socket transparent 1 accept' }]);
  });

  it('passes over objects that no packet meets, and reads priorities by name', () => {
    const { tables } = parseNftText(`table inet f {
	counter all {
		packets 3 bytes 4
	}

	flowtable ft {
		hook ingress priority filter
		devices = { eth0, eth1 }
	}

	chain in {
		type filter hook ingress devices = { "b", "a" } priority filter - 10; policy drop;
		flow add @ft
	}
}
`);
    assert.deepEqual(tables[0]?.chains[0]?.base, {
      type: 'filter',
      hook: 'ingress',
      priority: -10,
      policy: 'drop',
      devices: ['a', 'b'],
    });
  });

  it('names the place where a listing is cut off or is none', () => {
    const bad: readonly (readonly [string, RegExp])[] = [
      ['table ip a {\n\tchain X {\n\t\taccept\n', /line 4, column 1: .*, but it ends/],
      ['table ip a {\n\tset s {\n\t\telements = { 10.0.0.1, \n', /it ends/],
      ['hello', /line 1, column 1: table expected, but "hello"/],
      ['table ip a {\n\tchain X {\n\t\ttype odd hook input priority 0;\n\t}\n}', /line 3/],
    ];
    for (const [text, pattern] of bad)
      assert.throws(
        () => parseNftText(text),
        (error) => isFlatnetError(error, 'invalid') && pattern.test(error.message),
        text,
      );
  });
});
