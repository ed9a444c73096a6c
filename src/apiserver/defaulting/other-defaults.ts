import {
  type ApiObject,
  ensureObject,
  type JsonValue,
  listAt,
  objectAt,
  objectsAt,
  setDefault,
  stringAt,
} from '../json-value.ts';

/** The label by which policies select a namespace of a name. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

export function applyNamespaceDefaults(namespace: ApiObject): void {
  const labels = ensureObject(namespace.metadata, 'labels');
  labels[NAME_LABEL] = stringAt(namespace.metadata, 'name') ?? '';
}

/** A new namespace is active, and its contents must go before it does. */
export function prepareNamespace(namespace: ApiObject): void {
  const spec = ensureObject(namespace, 'spec');
  if (listAt(spec, 'finalizers').length === 0) spec.finalizers = ['kubernetes'];
  namespace.status = { phase: 'Active' };
}

export function applySecretDefaults(secret: ApiObject): void {
  setDefault(secret, 'type', 'Opaque');
  const texts = objectAt(secret, 'stringData');
  if (texts === undefined) return;
  const data = ensureObject(secret, 'data');
  for (const [key, value] of Object.entries(texts)) data[key] = Buffer.from(String(value)).toString('base64');
  delete secret.stringData;
}

export function applyEndpointSliceDefaults(slice: ApiObject): void {
  if (slice.endpoints === undefined) slice.endpoints = [];
  for (const port of objectsAt(slice, 'ports')) {
    setDefault(port, 'protocol', 'TCP');
    if (port.name === undefined) port.name = '';
  }
}

export function applyEndpointsDefaults(endpoints: ApiObject): void {
  for (const subset of objectsAt(endpoints, 'subsets')) {
    for (const port of objectsAt(subset, 'ports')) setDefault(port, 'protocol', 'TCP');
  }
}

/** Carries what was set when the object was made and the client left out: a namespace's finalizers. */
export function carryNamespaceFinalizers(namespace: ApiObject, previous: ApiObject): void {
  const finalizers: JsonValue | undefined = objectAt(previous, 'spec')?.finalizers;
  if (finalizers !== undefined) ensureObject(namespace, 'spec').finalizers = finalizers;
}
