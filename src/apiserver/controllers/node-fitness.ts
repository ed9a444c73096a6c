import { labelSelectorMatches, labelsMatch } from '../../kube/objects/label-selector.ts';
import { type Node, nodeIsReady, type Taint } from '../../kube/objects/node.ts';
import type {
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  PodAffinityTerm,
  Toleration,
} from '../../kube/objects/pod.ts';

/** Why a pod cannot go to a node, in kube-scheduler's words; undefined where it can. */
export function reasonAgainst(pod: Pod, node: Node, podsThere: readonly Pod[]): string | undefined {
  if (!nodeIsReady(node) && !(pod.spec?.tolerations ?? []).some((toleration) => toleratesTaint(toleration, NOT_READY)))
    return 'node(s) were not ready';
  if (!nodeSelectorFits(pod, node)) return "node(s) didn't match Pod's node affinity/selector";
  const taint = untoleratedTaint(pod, node, ['NoSchedule', 'NoExecute']);
  if (node.spec?.unschedulable === true && (taint === undefined || taint.key === UNSCHEDULABLE.key))
    if (!(pod.spec?.tolerations ?? []).some((toleration) => toleratesTaint(toleration, UNSCHEDULABLE)))
      return 'node(s) were unschedulable';
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  if (hostPortsCollide(pod, podsThere)) return "node(s) didn't have free ports for the requested pod ports";
  return undefined;
}

const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** The first taint of one of these effects that a pod does not tolerate. */
export function untoleratedTaint(pod: Pod, node: Node, effects: readonly Taint['effect'][]): Taint | undefined {
  const tolerations = pod.spec?.tolerations ?? [];
  return node.spec?.taints?.find(
    (taint) => effects.includes(taint.effect) && !tolerations.some((toleration) => toleratesTaint(toleration, taint)),
  );
}

/** v1 `Toleration.ToleratesTaint`. */
export function toleratesTaint({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key !== undefined && key !== '' && key !== taint.key) return false;
  return operator === 'Exists' || ((key ?? '') !== '' && (value ?? '') === (taint.value ?? ''));
}

/** Whether a pod's nodeSelector and its required node affinity allow a node. */
export function nodeSelectorFits(pod: Pod, node: Node): boolean {
  if (!labelsMatch(pod.spec?.nodeSelector ?? {}, node.metadata.labels)) return false;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || (required.nodeSelectorTerms ?? []).some((term) => termFits(term, node));
}

function termFits({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => requirementFits(requirement, node.metadata.labels?.[requirement.key])) &&
    matchFields.every(
      (requirement) => requirement.key === 'metadata.name' && requirementFits(requirement, node.metadata.name),
    )
  );
}

function requirementFits({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return operator satisfies never;
  }
}

function hostPortsOf(pod: Pod): readonly string[] {
  return (pod.spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, protocol = 'TCP' }) => (hostPort ? [`${protocol}/${hostPort}`] : [])),
  );
}

function hostPortsCollide(pod: Pod, podsThere: readonly Pod[]): boolean {
  const wanted = new Set(hostPortsOf(pod));
  return wanted.size > 0 && podsThere.some((other) => hostPortsOf(other).some((port) => wanted.has(port)));
}

/** Whether a term of a pod's affinity picks another pod: by its labels, in the term's namespaces or the pod's own. */
export function affinityTermPicks(pod: Pod, term: PodAffinityTerm, other: Pod): boolean {
  const namespaces = term.namespaces?.length ? term.namespaces : [pod.metadata.namespace ?? ''];
  return (
    namespaces.includes(other.metadata.namespace ?? '') &&
    labelSelectorMatches(term.labelSelector, other.metadata.labels)
  );
}
