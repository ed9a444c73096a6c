import { isKubeReason } from '../../kube/kube-status.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ControllerRevision } from '../../kube/objects/controller-revision.ts';
import type { PodTemplate } from '../../kube/objects/pod.ts';
import { CONTROLLER_REVISIONS } from '../../kube/resource.ts';
import type { ControllerContext } from './cluster-view.ts';
import { ownerIndex, referenceToController } from './owner.ts';
import { templateHash } from './template-hash.ts';

/** The label of pods and revisions that names the template they were made of. */
export const REVISION_HASH = 'controller-revision-hash';

const HISTORY_LIMIT = 10;

/**
 * The ControllerRevision of an owner's present template, made if it isn't there and numbered above all others, so that
 * `kubectl rollout history` and `undo` work.
 */
export async function ensureRevision(
  context: ControllerContext,
  owner: KubeObject,
  template: PodTemplate,
): Promise<ControllerRevision> {
  const { client, view, signal } = context;
  const revisions = [...view.controllerRevisions.indexed(ownerIndex(owner))].sort(
    (left, right) => left.revision - right.revision,
  );
  const hash = templateHash(template);
  const name = `${owner.metadata.name}-${hash}`;
  const newest = revisions.at(-1);
  if (newest?.metadata.name === name) return newest;
  const revision = (newest?.revision ?? 0) + 1;
  const present = revisions.find(({ metadata }) => metadata.name === name);
  const { namespace = 'default' } = owner.metadata;
  let current: ControllerRevision;
  if (present !== undefined)
    current = await client.patch(CONTROLLER_REVISIONS, present.metadata, { revision }, { signal });
  else {
    const labels = { ...template.metadata?.labels, [REVISION_HASH]: hash };
    const metadata = { name, namespace, labels, ownerReferences: [referenceToController(owner)] };
    const data = { spec: { template: { ...template, $patch: 'replace' } } };
    try {
      current = await client.create(CONTROLLER_REVISIONS, { metadata, data, revision }, { signal });
    } catch (error) {
      if (!isKubeReason(error, 'AlreadyExists')) throw error;
      current = await client.get(CONTROLLER_REVISIONS, { namespace, name }, { signal });
    }
  }
  view.controllerRevisions.note(current);
  for (const old of revisions.slice(0, Math.max(0, revisions.length - HISTORY_LIMIT)))
    if (old.metadata.name !== name) await client.delete(CONTROLLER_REVISIONS, old.metadata, { signal }).catch(() => {});
  return current;
}
