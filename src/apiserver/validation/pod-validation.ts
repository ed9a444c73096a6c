import { isDeepStrictEqual } from 'node:util';
import { duplicate, type FieldProblem, forbidden, invalid, notSupported, required } from '../field-problem.ts';
import { type ApiObject, type JsonObject, numberAt, objectAt, objectsAt, stringAt, valueAt } from '../json-value.ts';
import {
  dnsLabelProblem,
  dnsSubdomainProblem,
  environmentNameProblem,
  portNameProblem,
  portNumberProblem,
} from './name.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export function validatePod(pod: ApiObject): readonly FieldProblem[] {
  return validatePodSpec('spec', objectAt(pod, 'spec') ?? {});
}

/** Problems of a pod's spec at `field`, which a template's is too. */
export function validatePodSpec(field: string, spec: JsonObject): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  const containers = objectsAt(spec, 'containers');
  if (containers.length === 0) problems.push(required(`${field}.containers`));
  const names = new Set<string>();
  const volumes = new Set(objectsAt(spec, 'volumes').map((volume) => stringAt(volume, 'name') ?? ''));
  problems.push(...validateVolumes(`${field}.volumes`, objectsAt(spec, 'volumes')));
  for (const list of ['initContainers', 'containers']) {
    objectsAt(spec, list).forEach((container, index) => {
      problems.push(
        ...validateContainer(`${field}.${list}[${index}]`, container, names, volumes, spec.hostNetwork === true),
      );
    });
  }
  problems.push(
    ...hostPortConflicts(field, containers),
    ...oneOf(`${field}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES),
  );
  problems.push(...oneOf(`${field}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES));
  if ((numberAt(spec, 'terminationGracePeriodSeconds') ?? 0) < 0) {
    problems.push(
      invalid(
        `${field}.terminationGracePeriodSeconds`,
        spec.terminationGracePeriodSeconds,
        'must be greater than or equal to 0',
      ),
    );
  }
  for (const [name, check] of [
    ['nodeName', dnsSubdomainProblem],
    ['serviceAccountName', dnsSubdomainProblem],
    ['hostname', dnsLabelProblem],
    ['subdomain', dnsLabelProblem],
  ] as const) {
    const value = stringAt(spec, name) ?? '';
    const problem = value === '' ? undefined : check(value);
    if (problem !== undefined) problems.push(invalid(`${field}.${name}`, value, problem));
  }
  return problems;
}

export function oneOf(field: string, value: unknown, supported: readonly string[]): readonly FieldProblem[] {
  if (value === undefined || value === '') return [required(field)];
  return typeof value === 'string' && supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

function validateVolumes(field: string, volumes: readonly JsonObject[]): readonly FieldProblem[] {
  const seen = new Set<string>();
  return volumes.flatMap((volume, index) => {
    const at = `${field}[${index}]`;
    const name = stringAt(volume, 'name') ?? '';
    const problems = validateUniqueLabel(`${at}.name`, name, seen);
    const sources = Object.keys(volume).filter((key) => key !== 'name');
    return sources.length <= 1
      ? problems
      : [...problems, forbidden(`${at}.${sources[1]}`, 'may not specify more than 1 volume type')];
  });
}

/** A name that must be there, a DNS label, and none of those seen before. */
function validateUniqueLabel(field: string, name: string, seen: Set<string>): readonly FieldProblem[] {
  if (name === '') return [required(field)];
  const problem = dnsLabelProblem(name);
  if (problem !== undefined) return [invalid(field, name, problem)];
  if (seen.has(name)) return [duplicate(field, name)];
  seen.add(name);
  return [];
}

function validateContainer(
  field: string,
  container: JsonObject,
  names: Set<string>,
  volumes: ReadonlySet<string>,
  hostNetwork: boolean,
): readonly FieldProblem[] {
  const problems = [...validateUniqueLabel(`${field}.name`, stringAt(container, 'name') ?? '', names)];
  const image = stringAt(container, 'image') ?? '';
  if (image === '') problems.push(required(`${field}.image`));
  else if (image.trim() !== image) {
    problems.push(invalid(`${field}.image`, image, 'must not have leading or trailing whitespace'));
  }
  problems.push(...oneOf(`${field}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES));
  problems.push(...validatePorts(`${field}.ports`, objectsAt(container, 'ports'), hostNetwork));
  objectsAt(container, 'env').forEach((variable, index) => {
    const at = `${field}.env[${index}]`;
    const name = stringAt(variable, 'name') ?? '';
    const problem = name === '' ? undefined : environmentNameProblem(name);
    if (name === '') problems.push(required(`${at}.name`));
    if (problem !== undefined) problems.push(invalid(`${at}.name`, name, problem));
    if (variable.valueFrom !== undefined && (stringAt(variable, 'value') ?? '') !== '') {
      problems.push(invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'));
    }
  });
  const mountPaths = new Set<string>();
  objectsAt(container, 'volumeMounts').forEach((mount, index) => {
    const at = `${field}.volumeMounts[${index}]`;
    const name = stringAt(mount, 'name') ?? '';
    const path = stringAt(mount, 'mountPath') ?? '';
    if (name === '') problems.push(required(`${at}.name`));
    else if (!volumes.has(name)) {
      problems.push({
        reason: 'FieldValueNotFound',
        field: `${at}.name`,
        message: `Not found: ${JSON.stringify(name)}`,
      });
    }
    if (path === '') problems.push(required(`${at}.mountPath`));
    else if (mountPaths.has(path)) problems.push(invalid(`${at}.mountPath`, path, 'must be unique'));
    mountPaths.add(path);
  });
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const value = objectAt(container, probe);
    if (value !== undefined) problems.push(...validateProbe(`${field}.${probe}`, value, probe !== 'readinessProbe'));
  }
  return problems;
}

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc'];

function validateProbe(field: string, probe: JsonObject, successIsOne: boolean): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  const handlers = HANDLERS.filter((handler) => probe[handler] !== undefined);
  if (handlers.length === 0) problems.push(required(field, 'must specify a handler type'));
  for (const extra of handlers.slice(1))
    problems.push(forbidden(`${field}.${extra}`, 'may not specify more than 1 handler type'));
  if (probe.exec !== undefined && objectAt(probe, 'exec')?.command === undefined)
    problems.push(required(`${field}.exec.command`));
  for (const handler of ['httpGet', 'tcpSocket']) {
    const port = valueAt(probe, handler, 'port');
    if (probe[handler] === undefined) continue;
    const problem = typeof port === 'string' ? portNameProblem(port) : portNumberProblem(port);
    if (problem !== undefined) problems.push(invalid(`${field}.${handler}.port`, port ?? 0, problem));
  }
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ]) {
    if ((numberAt(probe, name) ?? 0) < 0) {
      problems.push(invalid(`${field}.${name}`, probe[name], 'must be greater than or equal to 0'));
    }
  }
  if (successIsOne && (numberAt(probe, 'successThreshold') ?? 1) !== 1) {
    problems.push(invalid(`${field}.successThreshold`, probe.successThreshold, 'must be 1'));
  }
  return problems;
}

function validatePorts(field: string, ports: readonly JsonObject[], hostNetwork: boolean): readonly FieldProblem[] {
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const at = `${field}[${index}]`;
    const problems: FieldProblem[] = [];
    const name = stringAt(port, 'name') ?? '';
    const nameProblem = name === '' ? undefined : portNameProblem(name);
    if (nameProblem !== undefined) problems.push(invalid(`${at}.name`, name, nameProblem));
    else if (names.has(name)) problems.push(duplicate(`${at}.name`, name));
    if (name !== '') names.add(name);
    const { containerPort, hostPort } = port;
    const problem = portNumberProblem(containerPort);
    if (containerPort === undefined) problems.push(required(`${at}.containerPort`));
    else if (problem !== undefined) problems.push(invalid(`${at}.containerPort`, containerPort, problem));
    if (hostPort !== undefined && hostPort !== 0) {
      const hostProblem = portNumberProblem(hostPort);
      if (hostProblem !== undefined) problems.push(invalid(`${at}.hostPort`, hostPort, hostProblem));
      else if (hostNetwork && hostPort !== containerPort) {
        problems.push(
          invalid(`${at}.containerPort`, containerPort, 'must match `hostPort` when `hostNetwork` is true'),
        );
      }
    }
    return [...problems, ...oneOf(`${at}.protocol`, port.protocol, PROTOCOLS)];
  });
}

function hostPortConflicts(field: string, containers: readonly JsonObject[]): readonly FieldProblem[] {
  const seen = new Set<string>();
  return containers.flatMap((container, at) =>
    objectsAt(container, 'ports').flatMap((port, index) => {
      const hostPort = numberAt(port, 'hostPort') ?? 0;
      if (hostPort === 0) return [];
      const key = `${stringAt(port, 'protocol')}/${stringAt(port, 'hostIP') ?? ''}/${hostPort}`;
      if (seen.has(key)) return [duplicate(`${field}.containers[${at}].ports[${index}].hostPort`, key)];
      seen.add(key);
      return [];
    }),
  );
}

/** A pod may change its images, its deadline, and gain tolerations; everything else of its spec stays. */
export function validatePodUpdate(pod: ApiObject, previous: ApiObject): readonly FieldProblem[] {
  if (isDeepStrictEqual(fixedSpec(pod), fixedSpec(previous))) return [];
  return [
    forbidden(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
}

function fixedSpec(pod: ApiObject): JsonObject {
  const {
    activeDeadlineSeconds: _,
    tolerations: __,
    terminationGracePeriodSeconds: ___,
    ...spec
  } = objectAt(pod, 'spec') ?? {};
  const withoutImages = (field: string): JsonObject[] => objectsAt(spec, field).map(({ image: ____, ...rest }) => rest);
  return { ...spec, containers: withoutImages('containers'), initContainers: withoutImages('initContainers') };
}
