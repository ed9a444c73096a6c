import { type ApiObject, ensureObject, stringAt } from '../json-value.ts';
import type { Admission } from '../registry/registry-context.ts';
import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import { notFound, qualifiedName, StatusError } from '../status-error.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { objectKey } from '../store/stored-object.ts';
import type { ServiceAddresses } from './service-addresses.ts';

/** What a write must hold to in view of the other objects: its namespace, its service account, its addresses. */
export function clusterAdmission(store: ObjectStore, services: ServiceAddresses): Admission {
  return {
    admitCreate: (definition, object) => {
      if (definition.namespaced) requireNamespace(store, definition, object);
      if (definition.storage === 'pods') requireServiceAccount(store, object);
      return definition.storage === 'services' ? services.admitCreate(object) : [];
    },
    admitUpdate: (definition, object, previous) => {
      return definition.storage === 'services' ? services.admitUpdate(object, previous) : [];
    },
  };
}

function requireNamespace(store: ObjectStore, definition: ResourceDefinition, object: ApiObject): void {
  const name = stringAt(object.metadata, 'namespace') ?? '';
  const namespace = store.collection(storageDefinition('namespaces')).get(name);
  if (namespace === undefined) throw notFound({ group: '', plural: 'namespaces' }, name);
  if (!namespace.deleting) return;
  const self = stringAt(object.metadata, 'name') ?? '';
  const why = `unable to create new content in namespace ${name} because it is being terminated`;
  throw new StatusError(403, 'Forbidden', `${qualifiedName(definition)} "${self}" is forbidden: ${why}`, {
    name: self,
    kind: definition.plural,
    ...(definition.group === '' ? {} : { group: definition.group }),
    causes: [
      { reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated`, field: 'metadata.namespace' },
    ],
  });
}

function requireServiceAccount(store: ObjectStore, pod: ApiObject): void {
  const namespace = stringAt(pod.metadata, 'namespace') ?? '';
  const account = stringAt(ensureObject(pod, 'spec'), 'serviceAccountName') ?? 'default';
  const found = store.collection(storageDefinition('serviceaccounts')).get(objectKey(namespace, account));
  if (found !== undefined) return;
  const name = stringAt(pod.metadata, 'name') ?? '';
  const why = `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`;
  throw new StatusError(403, 'Forbidden', `pods "${name}" is forbidden: ${why}`, { name, kind: 'pods' });
}
