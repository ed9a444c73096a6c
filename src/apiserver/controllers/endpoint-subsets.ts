import type { EndpointAddress, EndpointSubset } from '../../kube/objects/endpoints.ts';
import type { Pod } from '../../kube/objects/pod.ts';
import type { Service } from '../../kube/objects/service.ts';
import { serviceEndpoints } from './service-endpoints.ts';

/** Addresses in an Endpoints object; more are cut off, as kube-controller-manager does. */
const MOST_ADDRESSES = 1000;

/** The subsets of a service's Endpoints: its first family, one subset for each set of ports; terminating pods left out. */
export function endpointSubsets(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const [family = 'IPv4'] = service.spec?.ipFamilies ?? [];
  const single: Service = { ...service, spec: { ...service.spec, ipFamilies: [family] } };
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).slice(0, MOST_ADDRESSES);
  return serviceEndpoints({ service: single, pods: staying, zoneOf: () => undefined }).flatMap(
    ({ ports, endpoints }) => {
      const ready: EndpointAddress[] = [];
      const notReady: EndpointAddress[] = [];
      for (const [ip, { conditions, hostname, nodeName, targetRef }] of endpoints) {
        const list = conditions?.ready === true ? ready : notReady;
        list.push({
          ip,
          ...(hostname === undefined ? {} : { hostname }),
          ...(nodeName === undefined ? {} : { nodeName }),
          ...(targetRef === undefined ? {} : { targetRef }),
        });
      }
      if (endpoints.size === 0) return [];
      return [
        {
          ...(ready.length === 0 ? {} : { addresses: ready }),
          ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
          ...(ports.length === 0
            ? {}
            : {
                ports: ports.map(({ name, port, protocol }) => ({
                  ...(name ? { name } : {}),
                  port: port ?? 0,
                  protocol: protocol ?? 'TCP',
                })),
              }),
        },
      ];
    },
  );
}
