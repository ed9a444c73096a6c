import { type ApiObject, ensureObject, objectsAt, setDefault } from '../json-value.ts';

/** Seconds that a client keeps its endpoint under ClientIP affinity. */
const AFFINITY_SECONDS = 10_800;

/** Defaults of a service but for its addresses (k8s.io/kubernetes pkg/apis/core/v1/defaults.go SetDefaults_Service). */
export function applyServiceDefaults(service: ApiObject): void {
  const spec = ensureObject(service, 'spec');
  setDefault(spec, 'type', 'ClusterIP');
  setDefault(spec, 'sessionAffinity', 'None');
  if (spec.sessionAffinity === 'ClientIP') {
    setDefault(
      ensureObject(ensureObject(spec, 'sessionAffinityConfig'), 'clientIP'),
      'timeoutSeconds',
      AFFINITY_SECONDS,
    );
  } else delete spec.sessionAffinityConfig;
  for (const port of objectsAt(spec, 'ports')) {
    setDefault(port, 'protocol', 'TCP');
    if (port.port !== undefined && port.targetPort !== 0) setDefault(port, 'targetPort', port.port);
    if (port.targetPort === 0 && port.port !== undefined) port.targetPort = port.port;
  }
  if (spec.type !== 'ExternalName') setDefault(spec, 'internalTrafficPolicy', 'Cluster');
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') setDefault(spec, 'externalTrafficPolicy', 'Cluster');
  if (spec.type === 'LoadBalancer') setDefault(spec, 'allocateLoadBalancerNodePorts', true);
}

/** What a new service begins with. */
export function prepareService(service: ApiObject): void {
  service.status = { loadBalancer: {} };
}
