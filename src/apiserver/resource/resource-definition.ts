/** One served resource in one version; two versions of one resource share `storage`. */
export interface ResourceDefinition {
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  /** Name in the type tables, such as `core.Pod`. */
  readonly type: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Has the `status` subresource: the main resource ignores status, the subresource everything else. */
  readonly status: boolean;
  /** Has the `scale` subresource over `spec.replicas`. */
  readonly scale: boolean;
  /** `metadata.generation` counts changes of what isn't metadata or status. */
  readonly generation: boolean;
  /** Field paths that selectors may name beside metadata.name and metadata.namespace. */
  readonly selectableFields: readonly string[];
  /** The selectable field by which the store keeps an index. */
  readonly indexedField?: string;
  /** Which stored collection it reads and writes. */
  readonly storage: string;
}

/** `v1`, or `apps/v1`. */
export function apiVersionOf(definition: { readonly group: string; readonly version: string }): string {
  return definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
}
