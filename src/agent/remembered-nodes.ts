import { formatAddress } from '../address/address.ts';
import { formatPrefix } from '../address/prefix.ts';
import { parseClusterNode } from '../cluster/cluster-node.ts';
import type { ClusterNode } from '../cluster/cluster-state.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { readFileIfPresent, replaceFile } from '../kernel/atomic-file.ts';
import type { Node } from '../kube/objects/node.ts';

/**
 * The nodes as the API last told them, in a file: with it an agent that starts while the API is away still knows the
 * way to its peers. Its format is a Kubernetes NodeList, reduced to what the network looks at.
 */
export class RememberedNodes {
  readonly #file: string;
  #written: string | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** @throws FlatnetError `io` where there is a file that cannot be used; it does no harm to remove it */
  read(): readonly ClusterNode[] {
    const text = readFileIfPresent(this.#file);
    if (text === undefined) return [];
    try {
      const { items } = JSON.parse(text) as { readonly items: readonly Node[] };
      return items.flatMap((node) => parseClusterNode(node).value ?? []);
    } catch (cause) {
      throw new FlatnetError({
        operation: 'read remembered nodes',
        code: 'io',
        message: `${this.#file} is not a list of nodes`,
        remedy: `remove it: it is written anew as soon as the API answers`,
        cause,
      });
    }
  }

  /** Replaces the file where the nodes have changed since it was last written. */
  write(nodes: Iterable<ClusterNode>): void {
    const items = Array.from(nodes, nodeObject).sort((left, right) =>
      left.metadata.name < right.metadata.name ? -1 : 1,
    );
    const text = `${JSON.stringify({ apiVersion: 'v1', kind: 'NodeList', items })}\n`;
    if (text === this.#written) return;
    replaceFile(this.#file, text, { mode: 0o600, durable: false });
    this.#written = text;
  }
}

function nodeObject(node: ClusterNode): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node.name, annotations: node.annotations, labels: node.labels },
    spec: { podCIDRs: node.podPrefixes.map(formatPrefix) },
    status: {
      addresses: node.addresses.map((address) => ({ type: 'InternalIP', address: formatAddress(address) })),
      conditions: [{ type: 'Ready', status: node.ready ? 'True' : 'Unknown' }],
    },
  };
}
