import { clusterAdmission } from './admission/cluster-admission.ts';
import { ServiceAddresses } from './admission/service-addresses.ts';
import type { ServiceRanges } from './admission/service-ranges.ts';
import { GarbageCollector } from './lifecycle/garbage-collector.ts';
import { NamespaceLifecycle } from './lifecycle/namespace-lifecycle.ts';
import type { RegistryContext } from './registry/registry-context.ts';
import type { ObjectStore } from './store/object-store.ts';
import { type AdvertisedAddress, createSystemObjects, keepNamespacesFurnished } from './system-objects.ts';

export interface ClusterRegistryOptions {
  readonly store: ObjectStore;
  readonly services: ServiceRanges;
  readonly advertise: readonly AdvertisedAddress[];
  /** Published in every namespace as `kube-root-ca.crt`. */
  readonly caCertificate?: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The objects of a cluster with all that acts on them inside the API server; no sockets. */
export interface ClusterRegistry {
  readonly context: RegistryContext;
  readonly close: () => void;
}

/** Makes what every cluster has, and starts the garbage collector and the end of namespaces. */
export function openClusterRegistry(options: ClusterRegistryOptions): ClusterRegistry {
  const { store, services, now } = options;
  const addresses = new ServiceAddresses(store, services);
  const context: RegistryContext = { store, now, admission: clusterAdmission(store, addresses) };
  const namespaces = new NamespaceLifecycle(context);
  const collector = new GarbageCollector(context);
  const stopFurnishing = keepNamespacesFurnished(context, options.caCertificate);
  createSystemObjects(context, services, options.advertise);
  const close = (): void => {
    stopFurnishing();
    namespaces.close();
    collector.close();
    addresses.close();
  };
  return { context, close };
}
