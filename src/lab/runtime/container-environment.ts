import os from 'node:os';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { type DownwardContext, downwardField } from './downward-field.ts';
import { expandVariables, serviceVariables } from './environment.ts';
import type { Entries, PodObjects } from './pod-objects.ts';
import type { EnvironmentVariable, KeySelector, RuntimeContainer } from './pod-spec.ts';
import { parseQuantity } from './quantity.ts';

const BASE: readonly (readonly [string, string])[] = [
  ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  ['HOME', '/root'],
];

/** The variables of a container, as a kubelet puts them together. @throws FlatnetError `not-found` for a missing object */
export async function readEnvironment(
  container: RuntimeContainer,
  context: DownwardContext & { readonly hostname: string },
  objects: PodObjects,
): Promise<Map<string, string>> {
  const { metadata, spec } = context.pod;
  const services = await objects.services(metadata.namespace, spec.enableServiceLinks ?? true);
  const variables = new Map([...BASE, ['HOSTNAME', context.hostname] as const, ...serviceVariables(services)]);
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const entries = new Map([
      ...(configMapRef === undefined ? [] : await objects.configMap(metadata.namespace, configMapRef)),
      ...(secretRef === undefined ? [] : await objects.secret(metadata.namespace, secretRef)),
    ]);
    for (const [key, value] of entries) variables.set(prefix + key, value.toString());
  }
  for (const variable of container.env ?? []) {
    const value = await variableValue(variable, container, context, objects);
    if (value !== undefined) variables.set(variable.name, expandVariables(value, variables));
  }
  return variables;
}

/** Undefined for an optional reference to what isn't there. */
async function variableValue(
  { name, value, valueFrom }: EnvironmentVariable,
  container: RuntimeContainer,
  context: DownwardContext,
  objects: PodObjects,
): Promise<string | undefined> {
  const { namespace } = context.pod.metadata;
  if (valueFrom === undefined) return value ?? '';
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) return downwardField(fieldRef.fieldPath, context);
  if (resourceFieldRef !== undefined) {
    const { containerName, resource } = resourceFieldRef;
    const owner = context.pod.spec.containers.find((other) => other.name === containerName) ?? container;
    return resourceField(resource, owner);
  }
  if (configMapKeyRef !== undefined)
    return entryOf('configmap', configMapKeyRef, await objects.configMap(namespace, configMapKeyRef));
  if (secretKeyRef !== undefined) return entryOf('secret', secretKeyRef, await objects.secret(namespace, secretKeyRef));
  throw new FlatnetError({
    operation: 'configure container',
    code: 'unsupported',
    message: `env ${name}: valueFrom has none of fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef`,
  });
}

function entryOf(kind: string, { name, key, optional = false }: KeySelector, entries: Entries): string | undefined {
  const value = entries.get(key)?.toString();
  if (value === undefined && !optional)
    throw new FlatnetError({
      operation: 'configure container',
      code: 'not-found',
      message: `couldn't find key ${key} in ${kind} ${name}`,
      remedy: 'add the key, or mark the reference as optional',
    });
  return value;
}

/** A `limits.…` or `requests.…` of a container, in whole cores or bytes; a limit that isn't set is the node's. */
export function resourceField(resource: string, { resources = {} }: RuntimeContainer): string {
  const [, kind = '', name = ''] = /^(limits|requests)\.(.+)$/.exec(resource) ?? [];
  const values = kind === 'limits' ? resources.limits : resources.requests;
  const value = values?.[name];
  if (value !== undefined) return String(Math.ceil(parseQuantity(String(value))));
  if (kind === 'requests') return '0';
  return String(name === 'cpu' ? os.availableParallelism() : os.totalmem());
}
