import { type ApiObject, ensureObject, type JsonValue, objectsAt, parseApiObject, stringAt } from '../json-value.ts';
import { findResource } from '../resource/resource-table.ts';
import { badRequest, conflict } from '../status-error.ts';
import type { StoredObject } from '../store/stored-object.ts';
import { type RegistryContext, timestamp } from './registry-context.ts';
import { updateDecoded } from './update.ts';
import type { WriteOptions } from './write-options.ts';

const PODS = { group: '', plural: 'pods' } as const;

/** Gives a pod to a node: what POST of `pods/binding` does. @throws StatusError 400 or 409. */
export function bindPod(
  context: RegistryContext,
  stored: StoredObject,
  binding: JsonValue,
  options: WriteOptions,
): StoredObject {
  const node = stringAt(binding, 'target', 'name') ?? '';
  if (node === '') throw badRequest('target.name: Required value');
  const pod = parseApiObject(stored.json);
  const present = stringAt(pod, 'spec', 'nodeName') ?? '';
  if (present !== '') {
    throw conflict(PODS, stored.name, `pod ${stored.name} is already assigned to node "${present}"`);
  }
  if (stored.deleting)
    throw conflict(PODS, stored.name, `pod ${stored.name} is being deleted, cannot be assigned to a host`);
  ensureObject(pod, 'spec').nodeName = node;
  setScheduled(pod, timestamp(context.now()));
  const definition = findResource('', 'v1', 'pods');
  if (definition === undefined) throw new TypeError('pods are not served');
  return updateDecoded(context, definition, stored.namespace, stored.name, 'internal', pod, options);
}

function setScheduled(pod: ApiObject, now: string): void {
  const status = ensureObject(pod, 'status');
  const others = objectsAt(status, 'conditions').filter((condition) => condition.type !== 'PodScheduled');
  status.conditions = [
    ...others,
    { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: now },
  ];
}
