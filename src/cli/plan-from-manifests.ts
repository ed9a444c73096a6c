import type { Prefix } from '../address/prefix.ts';
import type { AgentConfiguration } from '../agent/agent-configuration.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { NodePlan } from '../plan/node-plan.ts';
import { peerDirectory } from '../plan/peer-directory.ts';
import { planNode } from '../plan/plan-node.ts';
import { planServices } from '../plan/service/plan-services.ts';
import type { ServicePlan } from '../plan/service/service-plan.ts';
import { attachmentOf, declareCluster } from './declared-cluster.ts';
import type { PlannedManifests } from './planned-manifests.ts';

export interface DeclaredPlanInput {
  readonly manifests: PlannedManifests;
  /** Name of the node that the plan is for. */
  readonly node: string;
  /** The agent's; absent: one with nothing in it. */
  readonly configuration?: AgentConfiguration;
  /** Nothing but services is asked for: a node that can't be planned otherwise is no hindrance. */
  readonly servicesOnly: boolean;
}

/** What a node would get. */
export interface DeclaredPlan {
  /** Absent where nobody asked for it, and where the manifests have no Node at all. */
  readonly node?: NodePlan;
  readonly services: ServicePlan;
  /** Where pods are, as far as it is known. */
  readonly clusterPrefixes: readonly Prefix[];
  /** What was taken for granted, and what of the manifests can't be used. */
  readonly warnings: readonly string[];
}

/**
 * Plans a node from manifests, by the code that an agent plans by.
 * @throws FlatnetError `not-found` for a node that isn't among those given, `invalid` where the plan is refused
 */
export function planFromManifests(input: DeclaredPlanInput): DeclaredPlan {
  const { manifests, node: name } = input;
  const declared = declareCluster(manifests, input.configuration);
  const { cluster, configuration, settings, agent, factsOf } = declared;
  const { nodes } = cluster;
  const warnings = [...declared.warnings];
  const own = nodes.get(name);
  if (own === undefined && nodes.size > 0)
    throw new FlatnetError({
      operation: 'plan node',
      code: 'not-found',
      message: `there is no Node ${name} in the manifests`,
      remedy: `name one of ${[...nodes.keys()].join(', ')}, or add its Node object`,
    });
  if (own === undefined) warnings.push(`the manifests have no Node: the plan of ${name} has services alone`);

  if (own !== undefined && !declared.described.has(name) && !input.servicesOnly)
    warnings.push(`there are no HostFacts of ${name}: taken for granted is one uplink, eth0, with MTU 1500`);
  const attachments = manifests.pods
    .flatMap((pod) => attachmentOf(declared, pod, name) ?? [])
    .filter(({ portMappings }) => portMappings.length > 0);
  const directory = peerDirectory(cluster);
  const facts = factsOf(name);
  const { nodePortAddresses } = agent;
  const services = planServices({
    node: name,
    cluster,
    configuration,
    facts,
    attachments,
    settings: nodePortAddresses === undefined ? {} : { nodePortAddresses },
    directory,
  });
  const rest = { services, clusterPrefixes: configuration.clusterPrefixes };
  if (own === undefined || input.servicesOnly) return { ...rest, warnings };

  const planning = planNode({ node: name, directory, configuration, facts, attachments: [], settings });
  const { plan } = planning;
  const refusals = planning.findings.filter(({ severity }) => severity === 'refusal');
  if (plan === undefined)
    throw new FlatnetError({
      operation: 'plan node',
      code: 'invalid',
      message: refusals.map(({ message }) => message).join('; '),
      remedy: refusals.flatMap(({ remedy }) => remedy ?? []).join('; '),
    });
  return { ...rest, node: plan, warnings: [...warnings, ...planning.findings.map(({ message }) => message)] };
}
