/** Clusters of planned hosts in the kernel with services on them, and who is answered by whom when he asks for one. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Address, addToAddress, formatAddress, parseAddress, sameAddress } from '../../src/address/address.ts';
import type { Family } from '../../src/address/family.ts';
import { staleFlowDeletion } from '../../src/agent/stale-flow-deletion.ts';
import type { ClusterService, ClusterState, ServiceEndpoint } from '../../src/cluster/cluster-state.ts';
import type { Attachment, Wiring } from '../../src/cni/attachment.ts';
import { FlowTable } from '../../src/kernel/conntrack/flow-table.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { writeSysctl } from '../../src/kernel/sysctl.ts';
import { addressOf } from '../../src/plan/peer-directory.ts';
import { planStaleFlows } from '../../src/plan/service/plan-conntrack.ts';
import { planService } from '../../src/plan/service/plan-service.ts';
import { nodeLocation, planServices, type ServiceSettings } from '../../src/plan/service/plan-services.ts';
import type { PlannedService, ServicePlan } from '../../src/plan/service/service-plan.ts';
import type { ProbeOutcome, ProbeProtocol } from '../../src/probe/probe-outcome.ts';
import { ProbeServer } from '../../src/probe/probe-server.ts';
import { type ProbeRequest, Prober } from '../../src/probe/prober.ts';
import { SocketPoller } from '../../src/probe/socket/socket-poller.ts';
import { ServiceTables } from '../../src/render/service/service-tables.ts';
import { setSysctls, tellEveryError } from '../namespace.ts';
import { cluster } from './planned-cluster.ts';
import type { KernelHost, KernelPod } from './planned-network.ts';

/** Where the pods' servers listen. */
export const SERVER_PORT = 7000;
/** Milliseconds that an answer may take on a busy machine. */
const PATIENCE = 30_000;
/** Milliseconds until what must not be answered counts as dropped. */
const SILENCE = 1000;

/** A service with a virtual address of each family, 10.96.0.NUMBER and fd00:10:96::NUMBER, on TCP and UDP port 80. */
export function service(name: string, number: number, rest: Partial<ClusterService> = {}): ClusterService {
  return {
    namespace: 'default',
    name,
    clusterAddresses: [`10.96.0.${number}`, `fd00:10:96::${number}`].map(parseAddress),
    externalAddresses: [],
    loadBalancer: [],
    sourceRanges: [],
    ports: [
      { name: 'stream', protocol: 'tcp', port: 80, nodePort: 30000 + number },
      { name: 'datagram', protocol: 'udp', port: 80, nodePort: 30000 + number },
    ],
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    publishNotReady: false,
    ...rest,
  };
}

/** A pod as endpoint of both ports of a service, in both families. */
export function endpointsOf(
  host: KernelHost,
  pod: KernelPod,
  rest: Partial<ServiceEndpoint> = {},
): readonly ServiceEndpoint[] {
  return pod.attachment.addresses.map((address) => ({
    address,
    ports: new Map([
      ['stream', { port: SERVER_PORT, protocol: 'tcp' as const }],
      ['datagram', { port: SERVER_PORT, protocol: 'udp' as const }],
    ]),
    node: host.planned.node.name,
    ready: true,
    serving: true,
    terminating: false,
    zoneHints: [],
    nodeHints: [],
    ...rest,
  }));
}

/** What an endpoint is while its pod ends: nothing new for it where others are ready. */
export const LEAVING = { ready: false, serving: true, terminating: true } as const;

type Question = Omit<ProbeRequest, 'source'> & { readonly source: Address | undefined };

/** Brings a host's services to one plan after the other. */
export interface ServiceFollower {
  follow(plan: ServicePlan): void;
  /** Goes over to another plan of one service, where it can. */
  change?(key: string, planned: PlannedService | undefined): void;
}

const CROWD_ENDPOINT = {
  ports: new Map([['stream', { port: SERVER_PORT, protocol: 'tcp' as const }]]),
  node: 'elsewhere',
  ready: true,
  serving: true,
  terminating: false,
  zoneHints: [],
  nodeHints: [],
};

/** One host with its service tables, followed from plan to plan. */
class ServingHost implements ServiceFollower {
  readonly tables = new ServiceTables();
  readonly #host: KernelHost;
  readonly #session: RulesetSession;
  readonly #flows: FlowTable;

  constructor(t: TestContext, host: KernelHost) {
    this.#host = host;
    this.#session = RulesetSession.open(host.namespace);
    this.#flows = FlowTable.open(host.namespace);
    t.after(() => {
      this.#session.close();
      this.#flows.close();
    });
  }

  follow(plan: ServicePlan): void {
    const { tables, closing, services } = this.tables.replace(plan);
    const set = (settings: ServiceTables['sysctls']) =>
      this.#host.namespace.run(() => {
        for (const { key, value } of settings) writeSysctl(key, value);
      });
    set(closing);
    this.#session.apply(tables);
    const stale = services.flatMap(({ before, after }) => planStaleFlows(before, after));
    const own = plan.surroundings.nodePortAddresses;
    for (const _ of staleFlowDeletion(this.#flows, stale, (address) => own.some((one) => sameAddress(one, address))));
    set(this.tables.sysctls);
  }

  change(key: string, planned: PlannedService | undefined): void {
    this.#session.apply(this.tables.change([[key, planned]]).tables);
  }
}

export type Site = Awaited<ReturnType<typeof servingCluster>>;

/**
 * Hosts on the subnets given, two pods on each with a server that answers as `HOST/POD`.
 * @param followerOf what carries plans out, our own tables unless given
 */
export async function servingCluster(
  t: TestContext,
  subnets: readonly number[],
  wiring: Wiring = 'point-to-point',
  pod: Partial<Attachment> = {},
  followerOf: (t: TestContext, host: KernelHost) => ServiceFollower = (context, host) => new ServingHost(context, host),
) {
  const { router, hosts } = await cluster(t, 'auto', subnets, wiring);
  for (const { namespace } of hosts) {
    tellEveryError(namespace);
    // a datagram that was answered once is remembered for half a minute only
    setSysctls(namespace, { 'net.netfilter.nf_conntrack_udp_timeout': '3600' });
  }
  const poller = new SocketPoller();
  const server = new ProbeServer(poller);
  const asking = new DisposableStack();
  t.after(() => {
    asking.dispose();
    server.close();
    poller.close();
  });
  // A datagram on a flow that is known already asks nobody: each has a socket of its own, whose port nobody else is given.
  const probe = async ({ source, ...request }: Question): Promise<ProbeOutcome> => {
    const prober = asking.use(new Prober(poller));
    return await prober.probe({ timeout: PATIENCE, ...request, ...(source !== undefined && { source }) });
  };
  for (const [number, { pods, namespace }] of hosts.entries()) {
    for (const [index, one] of pods.entries()) server.listen(one.namespace, `${number}/${index}`, SERVER_PORT);
    server.listen(namespace, `${number}`, SERVER_PORT);
  }
  const serving = hosts.map((host) => ({ host, follower: followerOf(t, host) }));
  const nodes = new Map(hosts.map(({ planned: { node } }) => [node.name, node]));
  let settings: ServiceSettings = {};
  const services = new Map<string, ClusterService>();
  const endpoints = new Map<string, readonly ServiceEndpoint[]>();
  const state: ClusterState = {
    nodes,
    pods: new Map(),
    services,
    endpoints,
  };
  const publish = () => {
    for (const { host, follower } of serving) {
      const { node, facts, configuration } = host.planned;
      const attachments = host.pods.map(({ attachment }) => ({ ...attachment, ...pod }));
      const input = { node: node.name, cluster: state, configuration, facts, settings, attachments };
      follower.follow(planServices(input));
    }
  };
  return {
    router,
    hosts,
    /** Makes a service, or another one of its name, with these pods behind it, by host and number. */
    serve(made: ClusterService, ...pods: readonly (readonly [number, number, Partial<ServiceEndpoint>?])[]) {
      services.set(`default/${made.name}`, made);
      endpoints.set(
        `default/${made.name}`,
        pods.flatMap(([host, number, rest]) => endpointsOf(hostAt(hosts, host), podAt(hosts, host, number), rest)),
      );
      publish();
    },
    /** The same on one host alone, with nothing looked at but this service. */
    change(host: number, made: ClusterService, ...pods: readonly (readonly [number, number])[]) {
      const its = pods.flatMap(([at, number]) => endpointsOf(hostAt(hosts, at), podAt(hosts, at, number)));
      const { host: kernelHost, follower } = known(serving[host]);
      const planned = planService(made, its, nodeLocation({ nodes }, kernelHost.planned.node.name));
      known(follower.change?.bind(follower))(`default/${made.name}`, planned);
    },
    /** Takes a service away. */
    withdraw(name: string) {
      services.delete(`default/${name}`);
      endpoints.delete(`default/${name}`);
      publish();
    },
    /** Gives hosts their zones, in their order. */
    placeInZones(...zones: readonly string[]) {
      for (const [number, zone] of zones.entries()) {
        const { node } = hostAt(hosts, number).planned;
        nodes.set(node.name, { ...node, labels: { ...node.labels, 'topology.kubernetes.io/zone': zone } });
      }
      publish();
    },
    /** Lets the operators of all hosts choose otherwise. */
    settle(chosen: ServiceSettings) {
      settings = chosen;
      publish();
    },
    nameOf: (host: number) => hostAt(hosts, host).planned.node.name,
    /** Gives a service as many endpoints more, and takes those given before: nobody is there. */
    pad(name: string, count: number) {
      const key = `default/${name}`;
      const real = (endpoints.get(key) ?? []).filter(({ node }) => node !== CROWD_ENDPOINT.node);
      const first = parseAddress('10.128.0.0');
      const padding = Array.from({ length: count }, (_, index) => ({
        ...CROWD_ENDPOINT,
        address: addToAddress(first, index),
      }));
      endpoints.set(key, [...real, ...padding]);
      publish();
    },
    /** Makes a crowd of services that nobody asks for, each with ten endpoints that nobody is. */
    crowd(count: number) {
      const first = parseAddress('10.96.16.0');
      const firstEndpoint = parseAddress('10.128.0.0');
      for (let number = 0; number < count; number++) {
        const made = service(`crowd-${number}`, 1, {
          clusterAddresses: [addToAddress(first, number)],
          ports: [{ name: 'stream', protocol: 'tcp', port: 80 }],
        });
        services.set(`default/${made.name}`, made);
        const its = Array.from({ length: 10 }, (_, index) => addToAddress(firstEndpoint, 10 * number + index));
        endpoints.set(
          `default/${made.name}`,
          its.map((address) => ({ ...CROWD_ENDPOINT, address })),
        );
      }
      publish();
    },
    /** Publishes what the hosts' facts and pods have become. */
    publish,
    pod: (host: number, number: number) => podAt(hosts, host, number).namespace,
    host: (number: number) => hostAt(hosts, number).namespace,
    addressOfPod: (host: number, number: number, family: Family) =>
      known(addressOf(podAt(hosts, host, number).attachment.addresses, family)),
    addressOfHost: (number: number, family: Family) =>
      known(addressOf(hostAt(hosts, number).planned.node.addresses, family)),
    /** What comes of asking: `HOST/POD saw SOURCE`, or the reason of the failure. */
    async ask(from: NetworkNamespace, protocol: ProbeProtocol, address: Address, port: number, source?: Address) {
      return describeOutcome(await probe({ namespace: from, protocol, to: { address, port }, source }));
    },
    /** The same where nothing is expected to come of it. */
    async askInVain(from: NetworkNamespace, protocol: ProbeProtocol, address: Address, port: number, source?: Address) {
      const request = { namespace: from, protocol, to: { address, port }, source, timeout: SILENCE };
      return describeOutcome(await probe(request));
    },
    /** Somebody who asks by datagrams that are all of one flow. */
    talker(from: NetworkNamespace, address: Address, port: number) {
      const prober = asking.use(new Prober(poller));
      const request = { namespace: from, protocol: 'udp', to: { address, port } } as const;
      const askFor = async (timeout: number) => describeOutcome(await prober.probe({ ...request, timeout }));
      return { ask: () => askFor(PATIENCE), askInVain: () => askFor(SILENCE) };
    },
  };
}

function describeOutcome(outcome: ProbeOutcome): string {
  if (outcome.kind === 'failed') return outcome.reason;
  return `${outcome.reply.by} saw ${formatAddress(outcome.reply.source.address)}`;
}

function hostAt(hosts: readonly KernelHost[], number: number): KernelHost {
  return known(hosts[number]);
}

function podAt(hosts: readonly KernelHost[], host: number, number: number): KernelPod {
  return known(hostAt(hosts, host).pods[number]);
}

function known<Value>(value: Value | undefined): Value {
  assert.ok(value !== undefined);
  return value;
}
