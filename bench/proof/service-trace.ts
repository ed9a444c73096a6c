/**
 * Traces packets to services on hosts that have all of them, in Flatnet's own tables or in kube-proxy's; prints what each trace
 * took, as JSON: the first meets cold code and rules that nobody has looked into.
 *
 *     node bench/proof/service-trace.ts nft|iptables SERVICES
 */
import { type Address, addToAddress, parseAddress } from '../../src/address/address.ts';
import { parsePrefix, prefixContains } from '../../src/address/prefix.ts';
import { parseRulesets } from '../../src/host/dump/parse-rulesets.ts';
import type { HostState } from '../../src/host/network-state.ts';
import type { Table } from '../../src/netfilter/node.ts';
import type { PlannedService, ServicePlan } from '../../src/plan/service/service-plan.ts';
import { renderServices } from '../../src/render/service/service-tables.ts';
import { SiteMap } from '../../src/verify/model/site.ts';
import { plannedFleet } from '../../src/verify/proof/fleet/planned-fleet.ts';
import { trace } from '../../src/verify/trace.ts';
import { type DumpedService, iptablesDump } from './iptables-dump.ts';

const HOSTS = 20;
const PODS = 30;
const ENDPOINTS = 10;
const TRACES = 100;
/** Of the node that packets are sent from. */
const SENDER = parsePrefix('10.0.0.0/24');

const [shape, count] = [process.argv[2], Number(process.argv[3])];
const services = Array.from(
  { length: count },
  (_, number): DumpedService => ({
    name: `default/svc-${number}:http`,
    address: addToAddress(parseAddress('10.200.0.0'), number),
    port: 80,
    endpoints: Array.from({ length: ENDPOINTS }, (_, index) => ({
      address: podAddress(number * 7 + index),
      port: 8080,
    })),
  }),
);
const tables = shape === 'nft' ? renderServices(planOf(services)) : tablesOf(iptablesDump(services));
const fleet = plannedFleet({ hosts: HOSTS, pods: PODS, families: [4], backend: 'auto' });
const map = new SiteMap(Array.from({ length: HOSTS }, (_, place) => withTables(fleet.host(place))));
const from = map.find('pod/node-0/0');
if (from === undefined) throw new Error('there is no pod to trace from');
const took: { readonly processor: number; readonly wall: number }[] = [];
let outcomes = 0;
for (let round = 0; round < TRACES; round++) {
  const to = services[(round * 97) % count]?.address;
  if (to === undefined) continue;
  const [start, since] = [process.cpuUsage(), performance.now()];
  const ways = trace(map, { from, to, probe: { protocol: 'tcp', port: 80 } }) ?? [];
  const { user, system } = process.cpuUsage(start);
  took.push({ processor: (user + system) / 1e3, wall: performance.now() - since });
  outcomes += ways.filter(
    ({ verdict, reply }) => verdict === 'delivered' && reply?.[0]?.verdict === 'delivered',
  ).length;
}
console.log(JSON.stringify({ took, delivered: outcomes / TRACES }));

function podAddress(number: number): Address {
  return addToAddress(parseAddress('10.0.0.2'), ((number % HOSTS) << 8) + (Math.floor(number / HOSTS) % PODS));
}

function withTables(host: HostState): HostState {
  return { ...host, root: { ...host.root, ruleset: { tables: [...host.root.ruleset.tables, ...tables] } } };
}

function tablesOf(iptables: string): readonly Table[] {
  const none = { nftJson: '{"nftables": []}', nftText: undefined, ip6tables: '', ipset: undefined };
  return parseRulesets({ ...none, iptables }).ruleset.tables;
}

function planOf(given: readonly DumpedService[]): ServicePlan {
  return {
    surroundings: {
      addresses: [parseAddress('172.16.0.1')],
      nodePortAddresses: [],
      peerNodePortAddresses: [],
      podPrefixes: [SENDER],
      clusterPrefixes: [parsePrefix('10.0.0.0/8')],
      servicePrefixes: [parsePrefix('10.200.0.0/16')],
    },
    services: new Map(given.map((service) => [service.name, plannedService(service)])),
  };
}

function plannedService({ name, address, port, endpoints }: DumpedService): PlannedService {
  const id = `${name} tcp 4 Cluster`;
  const front = { name, family: 4, protocol: 'tcp', port, pool: id, address } as const;
  return {
    pools: [
      {
        id,
        family: 4,
        protocol: 'tcp',
        endpoints: endpoints.map((endpoint) => ({ ...endpoint, local: prefixContains(SENDER, endpoint.address) })),
        whenEmpty: 'reject',
      },
    ],
    fronts: [{ ...front, kind: 'address', role: 'cluster', reach: 'everyone' }],
  };
}
