import type { ClusterState } from '../../cluster/cluster-state.ts';
import type { HostState } from '../../host/network-state.ts';
import type { NetworkPolicy } from '../../kube/objects/network-policy.ts';
import { type AskedPort, nodePorts } from '../asked-port.ts';
import { explainBreach } from '../cause/explain-breach.ts';
import type { Explanation } from '../cause/explanation.ts';
import type { Evidence } from '../evidence.ts';
import { type FabricRoute, SiteMap } from '../model/site.ts';
import { Walk } from '../model/walk.ts';
import { RULE_NAMES, type UnknownFact, type VerifyReport } from '../report.ts';
import { type AskSetting, askPeers } from './ask-peers.ts';
import { groupPeers } from './group-peers.ts';
import { Landmarks } from './landmarks.ts';
import { BreachPardon } from './pardon-breach.ts';
import { findParticipants } from './participant.ts';
import type { Peers } from './peers.ts';
import { ProofTally } from './proof-tally.ts';
import { speaksOfSctp } from './speaks-of-sctp.ts';
import { tallyFindings } from './tally-findings.ts';
import { unaskedPorts } from './unasked.ts';

export interface ProofOptions {
  /** What routers between the hosts are known to do for pods' addresses: a cloud's routes. */
  readonly fabric?: readonly FabricRoute[];
  /** What the cluster's API says; without it the namespaces tell who is a pod, and uplinks a node's addresses. */
  readonly cluster?: ClusterState;
  /** Ports of hosts that are led elsewhere since somebody asked for it, beside the node ports of the cluster's services. */
  readonly askedPorts?: readonly AskedPort[];
  /** Network policies: what they may forbid is no breach, and can't be told. */
  readonly policies?: readonly NetworkPolicy[];
  /** Tells the cause of a breach; `explainBreach` unless given. */
  readonly explain?: (evidence: Evidence, map: SiteMap) => Explanation;
}

/** Some hosts to ask about, and who is on them. */
export interface ProofScene {
  readonly map: SiteMap;
  /** Who the rules speak of, by what they have in common. */
  readonly groups: readonly Peers[];
  readonly unknown: readonly UnknownFact[];
  readonly setting: AskSetting;
}

export function proofScene(
  hosts: readonly HostState[],
  { fabric, cluster, policies = [], askedPorts = [] }: Omit<ProofOptions, 'explain'>,
): ProofScene {
  const map = new SiteMap(hosts, fabric);
  const asked = [...(cluster === undefined ? [] : nodePorts(cluster)), ...askedPorts];
  const { all, unknown } = findParticipants(map, cluster);
  const { groups, own } = groupPeers(all, map);
  const pardon = new BreachPardon(map, cluster, policies);
  const setting: AskSetting = {
    walk: new Walk(map),
    landmarks: new Landmarks(own),
    withSctp: map.sites.some(({ state }) => speaksOfSctp(state.ruleset)),
    unasked: unaskedPorts(asked),
    pardon: (finding) => pardon.of(finding),
  };
  return { map, groups, unknown, setting };
}

/** What nodes say to each other is nobody's business here. */
export function areJudged(from: Peers, to: Peers): boolean {
  return from.kind === 'pod' || to.kind === 'pod';
}

/**
 * Proves the three rules for all pairs of these hosts and their pods: of every packet with every protocol and port, or
 * shows one that breaks them. What can't be told makes the verdict unknown where it matters.
 */
export function proveRules(hosts: readonly HostState[], options: ProofOptions = {}): VerifyReport {
  const { map, groups, unknown, setting } = proofScene(hosts, options);
  const { explain = explainBreach } = options;
  const tally = new ProofTally((evidence) => explain(evidence, map));
  for (const fact of unknown) for (const rule of RULE_NAMES) tally.addUnknown(rule, fact);
  for (const from of groups)
    for (const to of groups) if (areJudged(from, to)) tallyFindings(tally, from, to, askPeers(setting, from, to));
  return tally.report();
}
