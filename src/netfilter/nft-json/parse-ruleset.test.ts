import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { formatRuleset } from '../format-ruleset.ts';
import { parseNftJson } from './parse-ruleset.ts';

/** What iptables-nft and Docker leave behind, as nft lists it. */
const DOCKER = {
  nftables: [
    { metainfo: { version: '1.0.6', json_schema_version: 1 } },
    { table: { family: 'ip', name: 'filter', handle: 1 } },
    {
      chain: {
        family: 'ip',
        table: 'filter',
        name: 'FORWARD',
        handle: 1,
        type: 'filter',
        hook: 'forward',
        prio: 0,
        policy: 'drop',
      },
    },
    { chain: { family: 'ip', table: 'filter', name: 'DOCKER', handle: 2 } },
    {
      rule: {
        family: 'ip',
        table: 'filter',
        chain: 'FORWARD',
        handle: 3,
        expr: [
          { match: { op: '!=', left: { meta: { key: 'iifname' } }, right: 'docker0' } },
          { match: { op: '==', left: { meta: { key: 'oifname' } }, right: 'docker0' } },
          { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } },
          { counter: { packets: 3, bytes: 252 } },
          { accept: null },
        ],
      },
    },
    {
      rule: {
        family: 'ip',
        table: 'filter',
        chain: 'FORWARD',
        handle: 4,
        expr: [
          {
            match: {
              op: '==',
              left: { payload: { protocol: 'tcp', field: 'dport' } },
              right: { set: [80, { range: [8000, 8080] }] },
            },
          },
          {
            match: {
              op: '==',
              left: { payload: { protocol: 'ip', field: 'saddr' } },
              right: { prefix: { addr: '172.17.0.0', len: 16 } },
            },
          },
          { xt: { type: 'match', name: 'addrtype' } },
          { jump: { target: 'DOCKER' } },
        ],
        comment: 'published',
      },
    },
  ],
};

describe('parseNftJson', () => {
  it('reads somebody else’s ruleset, and keeps what it does not understand', () => {
    assert.equal(
      formatRuleset(parseNftJson(JSON.stringify(DOCKER))),
      `table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		iifname != "docker0" oifname "docker0" ct state established,related counter packets 3 bytes 252 accept
		tcp dport { 80, 8000-8080 } ip saddr 172.17.0.0/16 {"xt":{"type":"match","name":"addrtype"}} jump DOCKER comment "published"
	}

	chain DOCKER {
	}
}
`,
    );
  });

  it('refuses what is no listing', () => {
    for (const text of ['', '{', '[]', '{"nftables": 1}', '{"nftables": [{"rule": {"family": "ip", "table": "x"}}]}'])
      assert.throws(
        () => parseNftJson(text),
        (error) => isFlatnetError(error, 'invalid'),
        text,
      );
  });
});
