import { tryParseAddress } from '../../address/address.ts';
import type { TransportProtocol } from '../../address/protocol.ts';
import type { ClusterObjects } from '../../cluster/build-cluster-state.ts';
import type { ContainerPort } from '../../kube/objects/pod.ts';
import type { AskedPort } from '../asked-port.ts';

const PROTOCOLS: Readonly<Record<NonNullable<ContainerPort['protocol']>, TransportProtocol>> = {
  TCP: 'tcp',
  UDP: 'udp',
  SCTP: 'sctp',
};

/** The host ports that pods ask for, each at the addresses of its node. */
export function hostPortsOf({ nodes = [], pods = [] }: Pick<ClusterObjects, 'nodes' | 'pods'>): readonly AskedPort[] {
  return [...pods].flatMap(({ spec }) => {
    // on the host's own network a port is the host's: nothing is led anywhere
    if (spec?.nodeName === undefined || spec.hostNetwork === true) return [];
    const node = [...nodes].find(({ metadata }) => metadata.name === spec.nodeName);
    const own = (node?.status?.addresses ?? []).map(({ address }) => address);
    const ports = (spec.containers ?? []).flatMap((container) => container.ports ?? []);
    return ports.flatMap(({ hostPort, hostIP, protocol = 'TCP' }): readonly AskedPort[] => {
      if (hostPort === undefined) return [];
      const texts = hostIP === undefined || hostIP === '0.0.0.0' || hostIP === '::' ? own : [hostIP];
      const addresses = texts.flatMap((text) => tryParseAddress(text) ?? []);
      return [{ protocol: PROTOCOLS[protocol], port: hostPort, addresses }];
    });
  });
}
