import { addToAddress, formatAddress } from '../address/address.ts';
import type { ServiceRanges } from './admission/service-ranges.ts';
import type { JsonObject } from './json-value.ts';
import { createObject } from './registry/create.ts';
import type { RegistryContext } from './registry/registry-context.ts';
import { INTERNAL_WRITE } from './registry/write-options.ts';
import { storageDefinition } from './resource/resource-table.ts';
import { objectKey } from './store/stored-object.ts';
import type { StoreEvent } from './store/watch-history.ts';

const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** Where clients inside the cluster reach the API; the service `kubernetes` leads there. */
export interface AdvertisedAddress {
  readonly address: string;
  readonly port: number;
}

/** Makes what every cluster has: its own namespaces, and the service `kubernetes` with its endpoints. */
export function createSystemObjects(
  context: RegistryContext,
  ranges: ServiceRanges,
  advertised: readonly AdvertisedAddress[],
): void {
  for (const name of NAMESPACES) ensure(context, 'namespaces', '', name, { metadata: { name } });
  createKubernetesService(context, ranges, advertised[0]?.port ?? 6443);
  for (const { address, port } of advertised) {
    const addressType = address.includes(':') ? 'IPv6' : 'IPv4';
    const name = addressType === 'IPv4' ? 'kubernetes' : 'kubernetes-ipv6';
    ensure(context, 'endpointslices', 'default', name, {
      metadata: { name, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType,
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    });
  }
  const [first] = advertised;
  if (first === undefined) return;
  const { address, port } = first;
  ensure(context, 'endpoints', 'default', 'kubernetes', {
    metadata: { name: 'kubernetes', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  });
}

function createKubernetesService(context: RegistryContext, ranges: ServiceRanges, targetPort: number): void {
  const [primary] = ranges.prefixes;
  if (primary === undefined) return;
  ensure(context, 'services', 'default', 'kubernetes', {
    metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      clusterIP: formatAddress(addToAddress(primary.address, 1)),
      ports: [{ name: 'https', port: 443, targetPort, protocol: 'TCP' }],
    },
  });
}

function ensure(context: RegistryContext, storage: string, namespace: string, name: string, body: JsonObject): void {
  const definition = storageDefinition(storage);
  if (context.store.collection(definition).get(objectKey(namespace, name)) !== undefined) return;
  createObject(context, definition, namespace, body, INTERNAL_WRITE);
}

/** Gives every namespace, those to come included, its service account and the authority that signs the API's certificate. */
export function keepNamespacesFurnished(context: RegistryContext, caCertificate: string | undefined): () => void {
  const namespaces = context.store.collection(storageDefinition('namespaces'));
  const furnish = (name: string): void => {
    ensure(context, 'serviceaccounts', name, 'default', { metadata: { name: 'default' } });
    if (caCertificate === undefined) return;
    const metadata = { name: 'kube-root-ca.crt' };
    ensure(context, 'configmaps', name, metadata.name, { metadata, data: { 'ca.crt': caCertificate } });
  };
  for (const namespace of namespaces.list('')) furnish(namespace.name);
  return namespaces.watch({}, ({ type, object }: StoreEvent) => {
    if (type === 'ADDED') furnish(object.name);
  });
}
