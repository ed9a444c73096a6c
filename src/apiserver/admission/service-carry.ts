import {
  type ApiObject,
  ensureObject,
  type JsonObject,
  numberAt,
  objectAt,
  objectsAt,
  stringAt,
  stringsAt,
} from '../json-value.ts';

/**
 * Carries addresses, families and node ports over to an update that leaves them out (`kubectl replace` does), and drops
 * those that its type or policy no longer has (k8s.io/kubernetes pkg/registry/core/service patchAllocatedValues).
 */
export function carryAllocations(service: ApiObject, previous: ApiObject): void {
  const spec = ensureObject(service, 'spec');
  const before = objectAt(previous, 'spec') ?? {};
  if (spec.type !== 'ExternalName' && before.type !== 'ExternalName') carryAddresses(spec, before);
  const had = hasNodePorts(before);
  if (had && hasNodePorts(spec)) carryNodePorts(spec, before);
  if (had && !hasNodePorts(spec)) dropNodePorts(spec, before);
  if (
    spec.type === 'LoadBalancer' &&
    spec.externalTrafficPolicy === 'Local' &&
    spec.healthCheckNodePort === undefined
  ) {
    const health = numberAt(before, 'healthCheckNodePort');
    if (health !== undefined) spec.healthCheckNodePort = health;
  }
  if (!hasNodePorts(spec) && spec.externalTrafficPolicy === before.externalTrafficPolicy && had) {
    if (stringsAt(spec, 'externalIPs').length === 0) delete spec.externalTrafficPolicy;
  }
}

function hasNodePorts(spec: JsonObject): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer';
}

function carryAddresses(spec: JsonObject, before: JsonObject): void {
  const had = stringsAt(before, 'clusterIPs');
  if ((stringAt(spec, 'clusterIP') ?? '') === '' && stringsAt(spec, 'clusterIPs').length === 0) {
    if (had[0] !== undefined) spec.clusterIP = had[0];
  }
  if (stringsAt(spec, 'clusterIPs').length === 0 && spec.clusterIP === had[0]) spec.clusterIPs = [...had];
  if (spec.ipFamilyPolicy === undefined && before.ipFamilyPolicy !== undefined)
    spec.ipFamilyPolicy = before.ipFamilyPolicy;
  const families = stringsAt(before, 'ipFamilies');
  if (stringsAt(spec, 'ipFamilies').length === 0) spec.ipFamilies = [...families];
  // Back to one family: the second address goes.
  if (spec.ipFamilyPolicy === 'SingleStack' && before.ipFamilyPolicy !== 'SingleStack') {
    spec.clusterIPs = stringsAt(spec, 'clusterIPs').slice(0, 1);
    spec.ipFamilies = stringsAt(spec, 'ipFamilies').slice(0, 1);
  }
}

function carryNodePorts(spec: JsonObject, before: JsonObject): void {
  const taken = new Set(
    objectsAt(spec, 'ports').map((port) => `${stringAt(port, 'protocol')}/${numberAt(port, 'nodePort') ?? 0}`),
  );
  for (const port of objectsAt(spec, 'ports')) {
    if ((numberAt(port, 'nodePort') ?? 0) !== 0) continue;
    const same = objectsAt(before, 'ports').find(
      (other) => other.port === port.port && other.protocol === port.protocol,
    );
    const nodePort = numberAt(same, 'nodePort') ?? 0;
    if (nodePort !== 0 && !taken.has(`${stringAt(port, 'protocol')}/${nodePort}`)) port.nodePort = nodePort;
  }
}

function dropNodePorts(spec: JsonObject, before: JsonObject): void {
  const had = new Set(objectsAt(before, 'ports').map((port) => numberAt(port, 'nodePort') ?? 0));
  for (const port of objectsAt(spec, 'ports')) {
    if (had.has(numberAt(port, 'nodePort') ?? 0)) delete port.nodePort;
  }
  delete spec.allocateLoadBalancerNodePorts;
  delete spec.healthCheckNodePort;
}
