import { isDeepStrictEqual } from 'node:util';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import { inParallel } from '../../kube/in-parallel.ts';
import { SERVICE_NAME_LABEL, SLICE_MANAGED_BY_LABEL } from '../../kube/objects/endpoint-slice.ts';
import type { EndpointSubset } from '../../kube/objects/endpoints.ts';
import { labelsMatch } from '../../kube/objects/label-selector.ts';
import type { Node } from '../../kube/objects/node.ts';
import { type Pod, podIsReady } from '../../kube/objects/pod.ts';
import type { Service } from '../../kube/objects/service.ts';
import type { ReconcileQueue } from '../../kube/reconcile-queue.ts';
import { ENDPOINT_SLICES, ENDPOINTS, objectKey } from '../../kube/resource.ts';
import type { ControllerContext } from './cluster-view.ts';
import { endpointSubsets } from './endpoint-subsets.ts';
import { startObjectQueue } from './object-queue.ts';
import { referenceToController } from './owner.ts';
import { Pace } from './pace.ts';
import { planEndpointSlices } from './plan-endpoint-slices.ts';
import { serviceEndpoints } from './service-endpoints.ts';

const MANAGED_BY = 'endpointslice-controller.k8s.io';
const ZONE = 'topology.kubernetes.io/zone';
const HEADLESS = 'service.kubernetes.io/headless';

/**
 * Milliseconds in which the pods of one service change its slices at most once, as kube-controller-manager's
 * --endpointslice-updates-batch-period: a service that starts has a change for each of its pods, and every node takes some
 * milliseconds to follow it, which on one machine add up. Slices wait for more pods to come up, but not for what a ready
 * pod goes through: its endpoint must not be used any more.
 */
const BATCH_PERIOD = { least: 100, eachNode: 20 } as const;

/** Keeps the EndpointSlices and the Endpoints of every service with a selector; those of others are their makers'. */
export function startEndpointSliceController(context: ControllerContext): ReconcileQueue {
  const { view } = context;
  const queue = startObjectQueue(context, 'endpointslice', view.services, (key) => reconcile(context, key));
  const period = () => Math.max(BATCH_PERIOD.least, BATCH_PERIOD.eachNode * [...view.nodes.keys()].length);
  const pace = new Pace((key) => queue.add(key), period, context);
  const addAll = () => {
    for (const key of view.services.keys()) queue.add(key);
  };
  view.endpointSlices.subscribe((_, old, current) => {
    const { namespace, labels = {} } = (current ?? old)?.metadata ?? {};
    if (labels[SLICE_MANAGED_BY_LABEL] === MANAGED_BY) queue.add(`${namespace}/${labels[SERVICE_NAME_LABEL]}`);
  });
  view.pods.subscribe((_, old, current) => {
    if (old !== undefined && current !== undefined && endpointTraits(old) === endpointTraits(current)) return;
    const isUrgent = old !== undefined && podIsReady(old);
    for (const pod of [old, current])
      for (const service of pod === undefined ? [] : servicesOf(context, pod)) pace.add(objectKey(service), isUrgent);
  });
  view.nodes.subscribe((_, old, current) => {
    if (zoneOf(old) !== zoneOf(current)) addAll();
  });
  return queue;
}

function zoneOf(node: Node | undefined): string | undefined {
  return node?.metadata.labels?.[ZONE];
}

/** What of a pod shows in its endpoints. */
function endpointTraits({ metadata, spec, status }: Pod): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const { deletionTimestamp, labels } = metadata;
  return JSON.stringify([deletionTimestamp, labels, spec?.nodeName, status?.phase, status?.podIPs, ready]);
}

function servicesOf({ view }: ControllerContext, pod: Pod): readonly Service[] {
  return view.services.indexed(`namespace/${pod.metadata.namespace}`).filter(({ spec }) => picks(spec?.selector, pod));
}

/** A service without a selector picks no pod, rather than all. */
function picks(selector: Readonly<Record<string, string>> | undefined, pod: Pod): boolean {
  return selector !== undefined && Object.keys(selector).length > 0 && labelsMatch(selector, pod.metadata.labels);
}

async function reconcile(context: ControllerContext, key: string): Promise<void> {
  const { view } = context;
  const service = view.services.get(key);
  if (service === undefined) {
    await removeEndpoints(context, key);
    return;
  }
  if (service.metadata.deletionTimestamp !== undefined) return;
  const { selector, type } = service.spec ?? {};
  if (selector === undefined || Object.keys(selector).length === 0) return;
  const isName = type === 'ExternalName';
  const pods = view.pods
    .indexed(`namespace/${service.metadata.namespace}`)
    .filter((pod) => !isName && picks(selector, pod));
  pods.sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  await reconcileSlices(context, service, isName ? [] : pods, isName);
  if (!isName) await reconcileEndpoints(context, service, pods);
}

async function reconcileSlices(
  context: ControllerContext,
  service: Service,
  pods: readonly Pod[],
  isName: boolean,
): Promise<void> {
  const { client, view, signal } = context;
  const ours = view.endpointSlices
    .indexed(`service/${objectKey(service)}`)
    .filter(({ metadata }) => metadata.labels?.[SLICE_MANAGED_BY_LABEL] === MANAGED_BY);
  const zone = (node: string) => zoneOf(view.nodes.get(node));
  const groups = isName ? [] : serviceEndpoints({ service, pods, zoneOf: zone });
  const plan = planEndpointSlices(ours, groups);
  const { namespace = 'default', name } = service.metadata;
  const labels = labelsOf(service);
  await inParallel(plan.create, async (slice) => {
    const metadata = { generateName: `${name}-`, namespace, labels, ownerReferences: [referenceToController(service)] };
    view.endpointSlices.note(await client.create(ENDPOINT_SLICES, { metadata, ...slice }, { signal }));
  });
  await inParallel(plan.update, async (slice) => {
    const metadata = { ...slice.metadata, labels: { ...slice.metadata.labels, ...labels } };
    view.endpointSlices.note(await client.update(ENDPOINT_SLICES, { ...slice, metadata }, { signal }));
  });
  await inParallel(plan.remove, async (slice) => {
    try {
      await client.delete(ENDPOINT_SLICES, slice.metadata, { signal });
    } catch (error) {
      if (!isFlatnetError(error, 'not-found')) throw error;
    }
  });
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  return {
    ...service.metadata.labels,
    [SERVICE_NAME_LABEL]: service.metadata.name,
    [SLICE_MANAGED_BY_LABEL]: MANAGED_BY,
    ...(service.spec?.clusterIP === 'None' ? { [HEADLESS]: '' } : {}),
  };
}

/** Endpoints end with their service, though they don't belong to it; its slices are the garbage collector's. */
async function removeEndpoints({ client, view, signal }: ControllerContext, key: string): Promise<void> {
  const present = view.endpoints.get(key);
  if (present === undefined) return;
  try {
    await client.delete(ENDPOINTS, present.metadata, { signal });
  } catch (error) {
    if (!isFlatnetError(error, 'not-found')) throw error;
  }
}

/** The old form of the same, in the service's first family. */
async function reconcileEndpoints(context: ControllerContext, service: Service, pods: readonly Pod[]): Promise<void> {
  const { client, view, signal } = context;
  const subsets: readonly EndpointSubset[] = endpointSubsets(service, pods);
  const { namespace = 'default', name, labels } = service.metadata;
  const present = view.endpoints.get(objectKey(service));
  if (present === undefined) {
    const metadata = { namespace, name, ...(labels === undefined ? {} : { labels }) };
    view.endpoints.note(await client.create(ENDPOINTS, { metadata, subsets }, { signal }));
  } else if (!isDeepStrictEqual(present.subsets ?? [], subsets))
    view.endpoints.note(await client.update(ENDPOINTS, { ...present, subsets }, { signal }));
}
