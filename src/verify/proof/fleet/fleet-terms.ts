import { type Address, addressKey } from '../../../address/address.ts';
import { type Prefix, parsePrefix } from '../../../address/prefix.ts';
import type { ClusterPod, ClusterState } from '../../../cluster/cluster-state.ts';
import { isFlatnetError } from '../../../error/flatnet-error.ts';
import type { HostState } from '../../../host/network-state.ts';
import { type Site, SiteMap } from '../../model/site.ts';
import type { UnknownFact } from '../../report.ts';
import { findParticipants } from '../participant.ts';
import type { Fleet } from './fleet.ts';

/** What was asked of a fleet beside the rules, as far as it tells one host or pod from another. */
export class FleetTerms {
  /** Addresses that network policies speak of. */
  readonly policyPrefixes: readonly Prefix[];
  readonly #cluster: Fleet['cluster'];
  readonly #hasPolicies: boolean;
  readonly #podsOn: ReadonlyMap<string | undefined, readonly ClusterPod[]>;
  readonly #portsAt = new Map<string, string>();

  constructor({ cluster, askedPorts = [], policies = [] }: Fleet) {
    this.policyPrefixes = [...prefixesIn(policies)];
    this.#cluster = cluster;
    this.#hasPolicies = policies.length > 0;
    this.#podsOn = Map.groupBy(cluster?.pods.values() ?? [], ({ node }) => node);
    for (const { protocol, port, addresses = [] } of askedPorts)
      for (const address of addresses) {
        const key = addressKey(address);
        this.#portsAt.set(key, `${this.#portsAt.get(key) ?? ''} ${protocol} ${port}`);
      }
  }

  /** The ports that are led elsewhere at some addresses, in the order of these. */
  portsAt(addresses: readonly Address[]): string {
    return addresses.map((address) => this.#portsAt.get(addressKey(address)) ?? '').join();
  }

  /** What the cluster's API says of one host, and of the pods that are or should be on it. */
  clusterOf({ name, namespaces }: HostState): ClusterState | undefined {
    const cluster = this.#cluster;
    if (cluster === undefined) return undefined;
    const node = cluster.nodes.get(name);
    const found = namespaces.flatMap(({ pod }) => (pod && cluster.pods.get(`${pod.namespace}/${pod.name}`)) ?? []);
    const pods = [...(this.#podsOn.get(name) ?? []), ...found];
    return {
      ...cluster,
      nodes: new Map(node === undefined ? [] : [[name, node]]),
      pods: new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod])),
    };
  }

  /** What is missed of the cluster: nodes of whom there is no host, and their pods. */
  absent(hosts: ReadonlySet<string>): readonly UnknownFact[] {
    const cluster = this.#cluster;
    if (cluster === undefined) return [];
    const nodes = Iterator.from(cluster.nodes).filter(([name]) => !hosts.has(name));
    const pods = Iterator.from(cluster.pods).filter(([, { node }]) => node === undefined || !hosts.has(node));
    return findParticipants(new SiteMap([]), { ...cluster, nodes: new Map(nodes), pods: new Map(pods) }).unknown;
  }

  /** What policies know a pod by. */
  labelsOf({ name }: Site): string {
    const [, namespace = '', pod = ''] = name.split('/');
    const known = this.#hasPolicies ? this.#cluster?.pods.get(`${namespace}/${pod}`) : undefined;
    return known === undefined ? '' : `${namespace} ${JSON.stringify(known.labels)}`;
  }
}

/** The prefixes of all `ipBlock`s, wherever they stand. */
function* prefixesIn(value: unknown): Generator<Prefix> {
  if (typeof value === 'string') {
    const prefix = value.includes('/') ? tryParse(value) : undefined;
    if (prefix !== undefined) yield prefix;
  } else if (typeof value === 'object' && value !== null)
    for (const part of Object.values(value)) yield* prefixesIn(part);
}

function tryParse(text: string): Prefix | undefined {
  try {
    return parsePrefix(text);
  } catch (error) {
    if (isFlatnetError(error)) return undefined;
    throw error;
  }
}
