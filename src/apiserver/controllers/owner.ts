import type { Unnamed } from '../../kube/kube-client.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '../../kube/object.ts';
import type { Pod, PodTemplate } from '../../kube/objects/pod.ts';

/** The controller that an object belongs to. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** The key of the controller of that kind that an object belongs to, or undefined. */
export function controllerKey(object: KubeObject | undefined, kind: string): string | undefined {
  const owner = object === undefined ? undefined : controllerOf(object);
  return owner?.kind === kind ? `${object?.metadata.namespace}/${owner.name}` : undefined;
}

/** The reference by which what `owner` makes belongs to it. */
export function referenceToController(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The index value under which an owner's objects are found. */
export function ownerIndex(owner: KubeObject): string {
  return `owner/${owner.metadata.uid}`;
}

/** The index values of an object that may be owned. */
export function ownershipIndex(object: KubeObject): readonly string[] {
  const owner = controllerOf(object);
  return [`namespace/${object.metadata.namespace}`, ...(owner === undefined ? [] : [`owner/${owner.uid}`])];
}

/** A pod as a template describes it, with a generated name unless one is given. */
export function podFromTemplate(
  owner: KubeObject,
  template: PodTemplate,
  extra: {
    readonly name?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly spec?: Pod['spec'];
  } = {},
): Unnamed<Pod> {
  const named: Partial<ObjectMeta> =
    extra.name === undefined ? { generateName: `${owner.metadata.name}-` } : { name: extra.name };
  return {
    metadata: {
      ...named,
      namespace: owner.metadata.namespace ?? 'default',
      labels: { ...template.metadata?.labels, ...extra.labels },
      ...(template.metadata?.annotations === undefined ? {} : { annotations: template.metadata.annotations }),
      ...(template.metadata?.finalizers === undefined ? {} : { finalizers: template.metadata.finalizers }),
      ownerReferences: [referenceToController(owner)],
    },
    spec: { ...template.spec, ...extra.spec },
  };
}
