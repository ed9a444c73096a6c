import { tryParseAddress } from '../../address/address.ts';
import { duplicate, type FieldProblem, forbidden, invalid, notSupported, required } from '../field-problem.ts';
import { type ApiObject, type JsonObject, numberAt, objectAt, objectsAt, stringAt, stringsAt } from '../json-value.ts';
import { dnsLabelProblem, dnsSubdomainProblem, portNameProblem, portNumberProblem } from './name.ts';
import { validateLabels } from './object-metadata.ts';
import { oneOf } from './pod-validation.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const POLICIES = ['Cluster', 'Local'];

export function validateService(service: ApiObject): readonly FieldProblem[] {
  const spec = objectAt(service, 'spec') ?? {};
  const headless = spec.clusterIP === 'None';
  const problems: FieldProblem[] = [...oneOf('spec.type', spec.type, TYPES)];
  const ports = objectsAt(spec, 'ports');
  if (ports.length === 0 && !headless && spec.type !== 'ExternalName') problems.push(required('spec.ports'));
  problems.push(...validatePorts(spec, ports), ...validateLabels('spec.selector', spec.selector));
  problems.push(...oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']));
  const affinity = numberAt(spec, 'sessionAffinityConfig', 'clientIP', 'timeoutSeconds');
  if (affinity !== undefined && (affinity <= 0 || affinity > 86_400)) {
    const field = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
    problems.push(invalid(field, affinity, 'must be greater than 0 and less than or equal to 86400'));
  }
  if (spec.type === 'ExternalName') problems.push(...validateExternalName(spec));
  for (const name of ['internalTrafficPolicy', 'externalTrafficPolicy']) {
    if (spec[name] !== undefined) problems.push(...oneOf(`spec.${name}`, spec[name], POLICIES));
  }
  if (spec.externalTrafficPolicy !== undefined && !isExternal(spec)) {
    problems.push(
      invalid(
        'spec.externalTrafficPolicy',
        spec.externalTrafficPolicy,
        'may only be set for externally-accessible services',
      ),
    );
  }
  stringsAt(spec, 'externalIPs').forEach((address, index) => {
    if (tryParseAddress(address) === undefined) {
      problems.push(
        invalid(`spec.externalIPs[${index}]`, address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
      );
    }
  });
  stringsAt(spec, 'loadBalancerSourceRanges').forEach((range, index) => {
    const [address = '', length = ''] = range.trim().split('/');
    if (tryParseAddress(address) === undefined || !/^\d+$/.test(length)) {
      const text = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
      problems.push(invalid(`spec.loadBalancerSourceRanges[${index}]`, range, text));
    }
  });
  return problems;
}

function isExternal(spec: JsonObject): boolean {
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') return true;
  return spec.type === 'ClusterIP' && stringsAt(spec, 'externalIPs').length > 0;
}

function validateExternalName(spec: JsonObject): readonly FieldProblem[] {
  const name = (stringAt(spec, 'externalName') ?? '').replace(/\.$/, '');
  if (name === '') return [required('spec.externalName')];
  const problem = dnsSubdomainProblem(name);
  return problem === undefined ? [] : [invalid('spec.externalName', name, problem)];
}

function validatePorts(spec: JsonObject, ports: readonly JsonObject[]): readonly FieldProblem[] {
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  return ports.flatMap((port, index) => {
    const at = `spec.ports[${index}]`;
    const problems: FieldProblem[] = [];
    const name = stringAt(port, 'name') ?? '';
    if (name === '') {
      if (ports.length > 1) problems.push(required(`${at}.name`));
    } else {
      const problem = dnsLabelProblem(name);
      if (problem !== undefined) problems.push(invalid(`${at}.name`, name, problem));
      else if (names.has(name)) problems.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    const protocol = stringAt(port, 'protocol') ?? '';
    problems.push(...oneOf(`${at}.protocol`, protocol, PROTOCOLS));
    const portProblem = portNumberProblem(port.port);
    if (portProblem !== undefined) problems.push(invalid(`${at}.port`, port.port ?? 0, portProblem));
    const { targetPort, nodePort } = port;
    const targetProblem = typeof targetPort === 'string' ? portNameProblem(targetPort) : portNumberProblem(targetPort);
    if (targetProblem !== undefined) problems.push(invalid(`${at}.targetPort`, targetPort, targetProblem));
    const key = `${protocol}/${String(port.port)}`;
    if (numbers.has(key)) problems.push(duplicate(at, { name, protocol, port: port.port, targetPort }));
    numbers.add(key);
    if (nodePort !== undefined && nodePort !== 0) {
      if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') {
        problems.push(forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
      }
      const nodeKey = `${protocol}/${String(nodePort)}`;
      if (nodePorts.has(nodeKey)) problems.push(duplicate(`${at}.nodePort`, nodePort));
      nodePorts.add(nodeKey);
    }
    return problems;
  });
}

/** A service's address stays as long as it has one. */
export function validateServiceUpdate(service: ApiObject, previous: ApiObject): readonly FieldProblem[] {
  const [spec, before] = [objectAt(service, 'spec') ?? {}, objectAt(previous, 'spec') ?? {}];
  if (spec.type === 'ExternalName' || before.type === 'ExternalName') return [];
  const was = stringAt(before, 'clusterIP') ?? '';
  if (was === '' || spec.clusterIP === was) return [];
  return [invalid('spec.clusterIPs[0]', stringsAt(spec, 'clusterIPs'), 'may not change once set')];
}

export function validateIpFamilies(spec: JsonObject): readonly FieldProblem[] {
  return stringsAt(spec, 'ipFamilies').flatMap((family, index) =>
    family === 'IPv4' || family === 'IPv6' ? [] : [notSupported(`spec.ipFamilies[${index}]`, family, ['IPv4', 'IPv6'])],
  );
}
