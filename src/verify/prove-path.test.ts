import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../address/address.ts';
import type { DeclaredPath } from './declared-path.ts';
import { SiteMap } from './model/site.ts';
import { provePath } from './prove-path.ts';
import { exampleSnapshot } from './snapshot/example-snapshot.ts';
import { readSnapshot } from './snapshot/read-snapshot.ts';

/** Host 1 leads its port 8080 to its first pod, host 0 masquerades what its pods send to other hosts. */
const PUBLISHED = `*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.244.1.2:80
COMMIT
`;
const MASQUERADED = `*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 10.244.0.0/24 -o eth0 -j MASQUERADE
COMMIT
`;

const path = (changes: Partial<DeclaredPath> = {}): DeclaredPath => ({
  name: 'published',
  from: 'pod/default/p00',
  protocol: 'tcp',
  address: parseAddress('192.0.2.2'),
  port: 8080,
  to: 'pod/default/p10',
  ...changes,
});

function prove(declared: DeclaredPath, rules: readonly [string, string], without: readonly string[] = []) {
  const files = exampleSnapshot(rules);
  const given = new Map([...files].filter(([file]) => !without.includes(file)));
  const { verdict, packet, seen, against } = provePath(declared, new SiteMap(readSnapshot(given).hosts));
  return { verdict, packet, seen, against };
}

describe('a declared path in a snapshot', () => {
  it('holds where whoever is meant gets the packet, however it was changed', () => {
    assert.deepEqual(prove(path(), ['', PUBLISHED]), {
      verdict: 'holds',
      packet: 'tcp 10.244.0.2 → 192.0.2.2:8080',
      seen: 'delivered to pod/default/p10 at 10.244.1.2:80, which sees 10.244.0.2',
      against: ['pod-to-pod'],
    });
    assert.deepEqual(prove(path(), [MASQUERADED, PUBLISHED]).against, ['pod-to-pod', 'same-address']);
    const direct = path({ address: parseAddress('10.244.1.2'), port: 80 });
    assert.deepEqual(prove(direct, ['', '']).against, []);
  });

  it('does not where another gets it', () => {
    const { verdict, seen } = prove(path(), ['', '']);
    assert.deepEqual([verdict, seen], ['violated', 'delivered to node/node1 at 192.0.2.2:8080, which sees 10.244.0.2']);
  });

  it('can not be told where the sender is not known', () => {
    const { verdict, seen } = prove(path({ from: 'pod/default/gone' }), ['', PUBLISHED]);
    assert.deepEqual([verdict, seen], ['unknown', "pod/default/gone isn't there"]);
  });

  it('can not be told where what matters was not collected', () => {
    assert.equal(prove(path(), ['', PUBLISHED], ['node1/route.json']).verdict, 'unknown');
  });
});
