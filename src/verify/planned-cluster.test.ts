import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress } from '../address/address.ts';
import type { Family } from '../address/family.ts';
import type { BackendName } from '../cluster/cluster-configuration.ts';
import { announcedDirectory, attachment, nodeInput, plannedHost } from '../plan/arbitrary.ts';
import { outlineNode } from '../plan/plan-node.ts';
import { planHostState } from '../render/planned-host.ts';
import { type Site, SiteMap } from './model/site.ts';
import { trace } from './trace.ts';

const PODS = [0, 1];

/** Three planned hosts, the last on another subnet where the backend knows a way there. */
function plannedCluster(backend: BackendName, families: readonly Family[]): SiteMap {
  const hosts = [0, 1, 2].map((number) =>
    plannedHost({ number, subnet: backend === 'host-gw' ? 1 : number >> 1, families, backend }),
  );
  const directory = announcedDirectory(hosts);
  const states = hosts.map((host) => {
    const { name } = host.node;
    const attachments = PODS.map((number) => attachment(host, number, { pod: { namespace: name, name: `${number}` } }));
    const { plan } = outlineNode(nodeInput(host, directory, { attachments }));
    return planHostState(plan ?? assert.fail(), host.facts);
  });
  const fabric = hosts.flatMap(({ node }) => node.podPrefixes.map((prefix) => ({ prefix, host: node.name })));
  return new SiteMap(states, backend === 'cloud' ? fabric : []);
}

/** The address that others know a namespace under. */
function addressOf({ state }: Site, family: Family) {
  return state.addresses.find(({ device, address }) => device === 'eth0' && address.family === family)?.address;
}

describe('a planned cluster', () => {
  for (const backend of ['auto', 'host-gw', 'vxlan', 'cloud'] as const)
    for (const family of [4, 6] as const)
      it(`carries packets between all pods and nodes with ${backend}, IPv${family}`, () => {
        const map = plannedCluster(backend, [4, 6]);
        for (const from of map.sites)
          for (const meant of map.sites) {
            if (from === meant || (from.isRoot && meant.isRoot)) continue;
            const to = addressOf(meant, family) ?? assert.fail();
            const own = formatAddress(addressOf(from, family) ?? assert.fail());
            const outcomes = trace(map, { from, to, meant, probe: { protocol: 'icmp' } }) ?? assert.fail();
            for (const { verdict, source, destination, reply, hops } of outcomes) {
              const seen = { verdict, source, destination, answers: reply?.map((answer) => answer.verdict) };
              const expected = { verdict: 'delivered', source: own, destination: formatAddress(to) };
              const last = `${from.name} → ${meant.name}: ${hops.at(-1)?.detail}`;
              assert.deepEqual(seen, { ...expected, answers: ['delivered'] }, last);
            }
          }
      });
});
