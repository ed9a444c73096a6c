import { FlatnetError } from '../error/flatnet-error.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { KubeObject } from '../kube/object.ts';
import type { KubeResource } from '../kube/resource.ts';

interface ResourceList {
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/** Kinds that others stand in or refer to come first, whatever the order in the file. */
const FIRST: readonly string[] = ['Namespace', 'ServiceAccount', 'ConfigMap', 'Secret', 'Service'];

/**
 * Creates the objects of manifests, by what the API says it serves.
 * @throws FlatnetError `invalid` for a kind that it doesn't, or the API's own error
 */
export async function createManifests(
  client: KubeClient,
  manifests: readonly KubeObject[],
  signal: AbortSignal,
): Promise<void> {
  const rank = ({ kind }: KubeObject) => (FIRST.includes(kind) ? FIRST.indexOf(kind) : FIRST.length);
  const resources = new Map<string, ResourceList>();
  for (const manifest of manifests.toSorted((left, right) => rank(left) - rank(right))) {
    const resource = await findResource(client, manifest, resources, signal);
    const namespace = manifest.metadata.namespace ?? 'default';
    const object = resource.namespaced ? { ...manifest, metadata: { ...manifest.metadata, namespace } } : manifest;
    await client.create(resource, object, { signal });
  }
}

async function findResource(
  client: KubeClient,
  { apiVersion, kind, metadata }: KubeObject,
  known: Map<string, ResourceList>,
  signal: AbortSignal,
): Promise<KubeResource> {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const path = group === '' ? `/api/${version}` : `/apis/${apiVersion}`;
  const unknownKind = (cause?: unknown) =>
    new FlatnetError({
      operation: `create ${kind} ${metadata.name}`,
      code: 'invalid',
      message: `the lab's API serves no ${kind} of ${apiVersion}`,
      remedy: 'see what it serves with: kubectl api-resources',
      cause,
    });
  let list = known.get(path);
  if (list === undefined) {
    try {
      list = (await client.read(path, { signal })) as ResourceList;
    } catch (cause) {
      throw unknownKind(cause);
    }
    known.set(path, list);
  }
  const found = list.resources.find((resource) => resource.kind === kind && !resource.name.includes('/'));
  if (found === undefined) throw unknownKind();
  return { group: group ?? '', version: version ?? '', plural: found.name, kind, namespaced: found.namespaced };
}
