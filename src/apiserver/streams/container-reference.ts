import type { HandlerContext } from '../http/handler-context.ts';
import { objectsAt, parseApiObject, stringAt } from '../json-value.ts';
import { badRequest, StatusError } from '../status-error.ts';
import type { StoredObject } from '../store/stored-object.ts';
import type { ContainerReference, PodStreams } from './pod-streams.ts';

/** Annotation that names the container which kubectl means where it names none. */
const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** The named container of a pod, or its only one. @throws StatusError 400 where that isn't settled, or no node has the pod. */
export function containerOf(stored: StoredObject, name: string): ContainerReference {
  const pod = parseApiObject(stored.json);
  const names = (field: string): readonly string[] =>
    objectsAt(pod, 'spec', field).map((container) => stringAt(container, 'name') ?? '');
  const [containers, initial] = [names('containers'), names('initContainers')];
  const fallback =
    stringAt(pod.metadata, 'annotations', DEFAULT_CONTAINER) ?? (containers.length === 1 ? containers[0] : undefined);
  const container = name === '' ? fallback : name;
  if (container === undefined) {
    throw badRequest(
      `a container name must be specified for pod ${stored.name}, choose one of: [${containers.join(' ')}]`,
    );
  }
  if (!containers.includes(container) && !initial.includes(container)) {
    throw badRequest(`container ${container} is not valid for pod ${stored.name}`);
  }
  return { ...podOf(stored), container };
}

/** Which pod, and on which node. @throws StatusError 400 where it has none. */
export function podOf(stored: StoredObject): Omit<ContainerReference, 'container'> {
  const node = stringAt(parseApiObject(stored.json), 'spec', 'nodeName') ?? '';
  if (node === '') throw badRequest(`pod ${stored.name} does not have a host assigned`);
  return { namespace: stored.namespace, pod: stored.name, uid: stored.uid, node };
}

/** @throws StatusError 503 where the server was given no way into pods. */
export function streamsOf(context: HandlerContext): PodStreams {
  if (context.podStreams === undefined) {
    throw new StatusError(503, 'ServiceUnavailable', 'this API server has no way into pods');
  }
  return context.podStreams;
}
