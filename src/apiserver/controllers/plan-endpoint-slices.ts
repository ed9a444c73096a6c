import { isDeepStrictEqual } from 'node:util';
import type { EndpointSlice, SliceEndpoint, SlicePort } from '../../kube/objects/endpoint-slice.ts';
import type { EndpointGroup } from './service-endpoints.ts';

/** As kube-controller-manager's `--max-endpoints-per-slice`. */
export const SLICE_CAPACITY = 100;

export interface EndpointSlicePlan {
  readonly create: readonly {
    readonly addressType: 'IPv4' | 'IPv6';
    readonly ports: readonly SlicePort[];
    readonly endpoints: readonly SliceEndpoint[];
  }[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/**
 * How the present slices become the wanted endpoints with few writes: an endpoint stays in the slice where it is, new
 * ones fill slices up, and what is left empty goes, unless it is all that a family of the service has.
 */
export function planEndpointSlices(
  present: readonly EndpointSlice[],
  groups: readonly EndpointGroup[],
): EndpointSlicePlan {
  const create: EndpointSlicePlan['create'][number][] = [];
  const update: EndpointSlice[] = [];
  const kept = new Set<EndpointSlice>();
  for (const { addressType, ports, endpoints } of groups) {
    const slices = present.filter(
      (slice) =>
        slice.addressType === addressType && isDeepStrictEqual(normalizePorts(slice.ports), normalizePorts(ports)),
    );
    const missing = new Map(endpoints);
    const contents = slices.map((slice) => {
      const staying: SliceEndpoint[] = [];
      for (const { addresses } of slice.endpoints ?? []) {
        const wanted = missing.get(addresses[0] ?? '');
        if (wanted !== undefined && staying.length < SLICE_CAPACITY) {
          staying.push(wanted);
          missing.delete(addresses[0] ?? '');
        }
      }
      return { slice, endpoints: staying };
    });
    const rest = [...missing.values()];
    // The fullest first, so that slices grow together rather than all stay half empty.
    for (const content of [...contents].sort((left, right) => right.endpoints.length - left.endpoints.length))
      content.endpoints.push(...rest.splice(0, SLICE_CAPACITY - content.endpoints.length));
    const filled = contents.filter(({ endpoints }) => endpoints.length > 0);
    const placeholder = filled.length === 0 && rest.length === 0 ? contents.slice(0, 1) : [];
    for (const { slice, endpoints } of [...filled, ...placeholder]) {
      kept.add(slice);
      if (!isDeepStrictEqual(slice.endpoints ?? [], endpoints)) update.push({ ...slice, endpoints });
    }
    while (rest.length > 0) create.push({ addressType, ports, endpoints: rest.splice(0, SLICE_CAPACITY) });
    if (endpoints.size === 0 && slices.length === 0) create.push({ addressType, ports, endpoints: [] });
  }
  return { create, update, remove: present.filter((slice) => !kept.has(slice)) };
}

function normalizePorts(ports: readonly SlicePort[] | null | undefined): readonly object[] {
  return (ports ?? []).map(({ name, port, protocol, appProtocol }) => ({
    name: name ?? '',
    port: port ?? 0,
    protocol: protocol ?? 'TCP',
    appProtocol: appProtocol ?? '',
  }));
}
