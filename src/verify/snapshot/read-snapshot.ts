import { type Address, formatAddress } from '../../address/address.ts';
import { buildClusterState } from '../../cluster/build-cluster-state.ts';
import type { ClusterState } from '../../cluster/cluster-state.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { isDumpFile } from '../../host/dump/dump-file.ts';
import { parseNetworkState } from '../../host/dump/parse-network-state.ts';
import type { HostState, NamespaceState, NetworkState } from '../../host/network-state.ts';
import type { NetworkPolicy } from '../../kube/objects/network-policy.ts';
import type { AskedPort } from '../asked-port.ts';
import type { DeclaredPath } from '../declared-path.ts';
import { hostPortsOf } from './host-ports.ts';
import { parseClusterObjects } from './parse-cluster-objects.ts';

/** The files of a snapshot by their paths in it, parted by `/`: a Map is one. */
export interface SnapshotFiles {
  keys(): Iterable<string>;
  get(path: string): string | undefined;
}

export interface Snapshot {
  readonly hosts: readonly HostState[];
  /** What cluster.json says, where there is one. */
  readonly cluster?: ClusterState;
  /** The network policies that cluster.json holds. */
  readonly policies: readonly NetworkPolicy[];
  /** Ways that cluster.json declares to be there beside the rules. */
  readonly paths: readonly DeclaredPath[];
  /** Ports of hosts that lead to pods: the host ports that pods ask for. */
  readonly askedPorts: readonly AskedPort[];
}

const CLUSTER_FILE = 'cluster.json';

/**
 * Reads a snapshot: `HOST/FILE`, `HOST/netns/ID/FILE` and `HOST/pods/NAMESPACE/NAME/FILE` for each network namespace, and
 * `cluster.json`, which names the pods of namespaces that only their addresses tell.
 * @throws FlatnetError `invalid` where there is no host in it, or cluster.json can't be read
 */
export function readSnapshot(files: SnapshotFiles): Snapshot {
  const text = files.get(CLUSTER_FILE);
  const objects = text === undefined ? undefined : parseClusterObjects(text);
  const cluster = objects && buildClusterState(objects).state;
  const podsByAddress = new PodNames(cluster);
  const hosts = [...directories(files)]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, namespaces]): HostState => {
      const stateAt = (directory: string) => parseNetworkState((file) => files.get(`${name}/${directory}${file}`));
      return {
        name,
        root: stateAt(''),
        namespaces: [...namespaces]
          .sort()
          .map((directory) =>
            namespaceOf(directory, stateAt(directory), (address) => podsByAddress.nameAt(name, address)),
          ),
      };
    });
  if (hosts.length > 0)
    return {
      hosts,
      ...(cluster !== undefined && { cluster }),
      policies: objects?.policies ?? [],
      paths: objects?.paths ?? [],
      askedPorts: hostPortsOf(objects ?? {}),
    };
  throw new FlatnetError({
    operation: 'read snapshot',
    code: 'invalid',
    message: 'it holds no host: no directory with a link.json in it',
    remedy: 'give a directory that holds one for each host, as flatnet collect writes them',
  });
}

const FILE = /^([^/]+)\/((?:netns\/[^/]+\/|pods\/[^/]+\/[^/]+\/)?)([^/]+)$/;

/** The directories of namespaces other than a host's own, by host: `netns/ID/`, `pods/NAMESPACE/NAME/`. */
function directories(files: SnapshotFiles): ReadonlyMap<string, ReadonlySet<string>> {
  const hosts = new Map<string, Set<string>>();
  for (const path of files.keys()) {
    const [, host, directory = '', file] = FILE.exec(path) ?? [];
    if (host === undefined || file === undefined || !isDumpFile(file)) continue;
    const namespaces = hosts.get(host) ?? new Set();
    hosts.set(host, namespaces);
    if (directory !== '') namespaces.add(directory);
  }
  return hosts;
}

type PodName = NonNullable<NamespaceState['pod']>;

/** Pods by the addresses that the cluster knows them under; hostNetwork pods have none of their own. */
class PodNames {
  readonly #byAddress = new Map<string, (PodName & { readonly node?: string })[]>();

  constructor(cluster: ClusterState | undefined) {
    for (const pod of cluster?.pods.values() ?? []) {
      if (pod.hostNetwork || pod.phase === 'Succeeded' || pod.phase === 'Failed') continue;
      for (const address of pod.addresses) {
        const key = formatAddress(address);
        this.#byAddress.set(key, [...(this.#byAddress.get(key) ?? []), pod]);
      }
    }
  }

  /** The pod of a host that has an address: where ranges overlap, others have it too. A host may go by another name than its Node. */
  nameAt(host: string, address: Address): PodName | undefined {
    const pods = this.#byAddress.get(formatAddress(address)) ?? [];
    const [only] = pods;
    const found = pods.find(({ node }) => node === host) ?? (pods.length === 1 ? only : undefined);
    return found && { namespace: found.namespace, name: found.name };
  }
}

function namespaceOf(
  directory: string,
  state: NetworkState,
  nameAt: (address: Address) => PodName | undefined,
): NamespaceState {
  const [kind, first = '', second = ''] = directory.split('/');
  if (kind === 'pods') return { id: `${first}/${second}`, pod: { namespace: first, name: second }, state };
  const pod = state.addresses
    .filter(({ scope }) => scope === 'global')
    .map(({ address }) => nameAt(address))
    .find((name) => name !== undefined);
  return { id: first, ...(pod !== undefined && { pod }), state };
}
