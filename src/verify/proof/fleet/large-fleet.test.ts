import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Address, addToAddress, parseAddress } from '../../../address/address.ts';
import { hostPrefix, parsePrefix } from '../../../address/prefix.ts';
import type { HostState, NetworkState } from '../../../host/network-state.ts';
import type { Route } from '../../../host/route.ts';
import { joinRouteTables, neighbourTable, routeTable } from '../../../host/state-table.ts';
import { parseNftText } from '../../../netfilter/nft-text/parse-ruleset.ts';
import type { VerifyReport } from '../../report.ts';
import type { Fleet } from './fleet.ts';
import { plannedFleet, withHost } from './planned-fleet.ts';
import { proveFleet } from './prove-fleet.ts';

const HOSTS = 600;
const PODS = 2;
const FAULTY = 312;
const fleet = plannedFleet({ hosts: HOSTS, pods: PODS, families: [4], backend: 'auto' });

/** The address of a host's first pod, or of one after it. */
function podOf(place: number, pod = 0): Address {
  return addToAddress(parseAddress('10.0.0.2'), (place << 8) + pod);
}

function withRoot(change: (root: NetworkState) => Partial<NetworkState>): Fleet {
  return withHost(fleet, FAULTY, (host: HostState) => ({ ...host, root: { ...host.root, ...change(host.root) } }));
}

function withRoute(route: Partial<Route>): Fleet {
  const whole: Route = {
    table: 254,
    destination: parsePrefix('0.0.0.0/0'),
    type: 'unicast',
    nextHops: [],
    metric: 0,
    protocol: 3,
    scope: 'global',
    ...route,
  };
  return withRoot(({ routes }) => ({ routes: joinRouteTables(routes, routeTable([whole])) }));
}

/** The pairs that break rules, by the ends of the packets that show it, and where these end. */
function broken({ rules }: VerifyReport): readonly string[] {
  return rules.flatMap(({ violations }) =>
    violations.map(({ pairs, counterexample: { from, to, seen } }) => `${pairs}: ${from} → ${to}: ${seen}`),
  );
}

describe('proveFleet of a large planned fleet', () => {
  it('holds', () => {
    const report = proveFleet(fleet);
    const pods = HOSTS * PODS;
    assert.deepEqual(
      report.rules.map(({ verdict, checked, unknown }) => ({ verdict, checked, unknown: unknown.length })),
      [pods * (pods - 1), 2 * HOSTS * pods, pods * (pods - 1) + 2 * HOSTS * pods].map((checked) => ({
        verdict: 'holds',
        checked,
        unknown: 0,
      })),
    );
  });

  it('finds a route that was left over for a pod that has moved', () => {
    const hops = [{ device: 'veth0', weight: 1, onlink: false }];
    const report = proveFleet(withRoute({ destination: hostPrefix(podOf(17)), nextHops: hops, scope: 'link' }));
    assert.deepEqual(broken(report), [
      '4: pod/node-17/0 → pod/node-312/0: the packet arrived; its answer: dropped at node/node-312: nobody on veth0 answers for 10.0.17.2',
      '2: pod/node-17/0 → node/node-312: the packet arrived; its answer: dropped at node/node-312: nobody on veth0 answers for 10.0.17.2',
    ]);
  });

  it('finds a neighbour entry that is missing', () => {
    const gateway = addToAddress(podOf(17), -2);
    const report = proveFleet(
      withRoot(({ neighbours }) => ({
        neighbours: neighbourTable([...neighbours.rows()].filter(({ address }) => address.value !== gateway.value)),
      })),
    );
    assert.deepEqual(broken(report), [
      '8: pod/node-17/0 → pod/node-312/0: the packet arrived; its answer: dropped at node/node-312: flannel.1 has no neighbour entry for 10.0.17.0',
      '8: node/node-17 → pod/node-312/0: the packet arrived; its answer: dropped at node/node-312: flannel.1 has no neighbour entry for 10.0.17.0',
    ]);
  });

  it('finds a tunnel device with another MAC than was announced', () => {
    const report = proveFleet(
      withRoot(({ links }) => ({
        links: links.map((link) => (link.name === 'flannel.1' ? { ...link, mac: '02:00:00:00:00:99' } : link)),
      })),
    );
    // those of the other two subnets, there and back
    const pairs = 2 * (HOSTS - 250) * PODS * PODS;
    const seen = 'dropped at node/node-312: flannel.1 is not 6a:42:5c:e7:17:cd, which the sender takes it for';
    assert.deepEqual(broken(report), [
      `${pairs}: pod/node-0/0 → pod/node-312/0: ${seen}`,
      `${pairs}: node/node-0 → pod/node-312/0: ${seen}`,
    ]);
  });

  it('finds a rule that drops one port of one pod', () => {
    const text = `table inet f { chain c { type filter hook forward priority 0; policy accept;
      ip daddr 10.1.56.3 tcp dport 8080 drop; } }`;
    const report = proveFleet(
      withRoot(({ ruleset }) => ({ ruleset: { tables: [...ruleset.tables, ...parseNftText(text).tables] } })),
    );
    assert.deepEqual(broken(report), [
      `${2 * (HOSTS * PODS - 1)}: pod/node-0/0 → pod/node-312/1: dropped at node/node-312: at forward`,
      // what the host itself sends is not forwarded
      `${2 * (HOSTS - 1)}: node/node-0 → pod/node-312/1: dropped at node/node-312: at forward`,
    ]);
  });
});
