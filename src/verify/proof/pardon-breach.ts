import { formatAddress, sameAddress } from '../../address/address.ts';
import type { ClusterState } from '../../cluster/cluster-state.ts';
import { labelSelectorMatches } from '../../kube/objects/label-selector.ts';
import type { NetworkPolicy } from '../../kube/objects/network-policy.ts';
import { hopsOf } from '../model/format-step.ts';
import type { SiteMap } from '../model/site.ts';
import type { WalkOutcome } from '../model/walk-state.ts';
import type { Finding } from './ask-peers.ts';
import type { Answer, Doubtful } from './judge-trips.ts';
import type { Participant } from './participant.ts';

type Broken = Extract<Answer, { readonly kind: 'broken' }>;

/** Somebody may have asked for it: then it isn't judged, or nobody can tell. */
export type Pardon = Doubtful | 'not judged' | undefined;

/** Tells of breaches that somebody may have asked for: published ports of nodes, and network policies. */
export class BreachPardon {
  readonly #cluster: ClusterState | undefined;
  readonly #policies: readonly NetworkPolicy[];
  /** The addresses of namespaces other than hosts' own. */
  readonly #inside: ReadonlySet<string>;

  constructor(map: SiteMap, cluster: ClusterState | undefined, policies: readonly NetworkPolicy[]) {
    this.#cluster = cluster;
    this.#policies = policies;
    this.#inside = new Set(
      map.sites.flatMap(({ isRoot, state }) =>
        isRoot ? [] : state.addresses.map(({ address }) => formatAddress(address)),
      ),
    );
  }

  /** What may excuse a breach; undefined where nothing does. */
  of(finding: Finding): Pardon {
    const { reach, to } = finding;
    if (reach.kind !== 'broken') return undefined;
    return (to.kind === 'node' ? this.#published(finding, reach) : undefined) ?? this.#forbidden(finding, reach);
  }

  /** A port of a node's own address that leads to a pod or a container is published by whoever made the rule. */
  #published({ sent, box }: Finding, { there }: Broken): Pardon {
    const { destination } = there.packet;
    if (sameAddress(destination, sent.destination)) return undefined;
    const isPort = box.destinationPort.low === box.destinationPort.high;
    if (isPort && this.#inside.has(formatAddress(destination))) return 'not judged';
    if (this.#cluster !== undefined) return undefined;
    const what = `whether somebody asked that packets to ${formatAddress(sent.destination)} be led away: ${translationIn(there)}`;
    return { host: there.at.name, what };
  }

  /** A policy that selects one of the ends may be why packets are lost between them; answers it forbids none. */
  #forbidden({ from, to }: Finding, { there }: Broken): Pardon {
    if ((there.verdict !== 'dropped' && there.verdict !== 'rejected') || there.reason.kind !== 'rule') return undefined;
    const policy = this.#selecting(from, 'Egress') ?? this.#selecting(to, 'Ingress');
    if (policy === undefined) return undefined;
    const { namespace = 'default', name } = policy.metadata;
    const { detail = '' } = hopsOf(there).at(-2) ?? {};
    return { host: there.at.name, what: `whether the network policy ${namespace}/${name} forbids it: ${detail}` };
  }

  #selecting({ kind, site }: Participant, type: 'Ingress' | 'Egress'): NetworkPolicy | undefined {
    const pod = kind === 'pod' ? this.#cluster?.pods.get(site.name.slice('pod/'.length)) : undefined;
    if (pod === undefined) return undefined;
    return this.#policies.find(
      ({ metadata, spec }) =>
        (metadata.namespace ?? 'default') === pod.namespace &&
        typesOf(spec).includes(type) &&
        labelSelectorMatches(spec?.podSelector ?? {}, pod.labels),
    );
  }
}

/** Absent, a policy is about what comes in, and about what goes out where it has rules for that. */
function typesOf(spec: NetworkPolicy['spec']): readonly string[] {
  return spec?.policyTypes ?? (spec?.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress']);
}

/** The rule that first translated the packet. */
function translationIn(outcome: WalkOutcome): string {
  return (
    hopsOf(outcome).find(({ detail }) => detail.startsWith('destination translated'))?.detail ?? 'nobody knows how'
  );
}
