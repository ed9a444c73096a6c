import { isDeepStrictEqual } from 'node:util';
import { tryParseAddress } from '../../address/address.ts';
import { type FieldProblem, forbidden, invalid, notSupported, required, tooMany } from '../field-problem.ts';
import { type ApiObject, numberAt, objectAt, objectsAt, stringAt, stringsAt, valueAt } from '../json-value.ts';
import { dnsLabelProblem, portNumberProblem } from './name.ts';
import { tryParsePrefix } from './prefix-text.ts';

/** A node's prefixes are one a family, and stay once given. */
export function validateNode(node: ApiObject): readonly FieldProblem[] {
  const ranges = stringsAt(node, 'spec', 'podCIDRs');
  const first = stringAt(node, 'spec', 'podCIDR') ?? '';
  const problems: FieldProblem[] = [];
  const families = new Set<number>();
  ranges.forEach((text, index) => {
    const range = tryParsePrefix(text);
    if (range === undefined)
      problems.push(
        invalid(`spec.podCIDRs[${index}]`, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'),
      );
    else if (families.has(range.address.family))
      problems.push(invalid('spec.podCIDRs', ranges, 'may specify no more than one CIDR for each IP family'));
    else families.add(range.address.family);
  });
  if (ranges[0] !== undefined && first !== '' && ranges[0] !== first) {
    problems.push(invalid('spec.podCIDRs', ranges, 'the first entry must be spec.podCIDR'));
  }
  return problems;
}

export function validateNodeUpdate(node: ApiObject, previous: ApiObject): readonly FieldProblem[] {
  const before = stringsAt(previous, 'spec', 'podCIDRs');
  if (before.length === 0 || isDeepStrictEqual(stringsAt(node, 'spec', 'podCIDRs'), before)) return [];
  return [
    forbidden(
      'spec',
      'node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)',
    ),
  ];
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const MAX_ENDPOINTS = 1000;

export function validateEndpointSlice(slice: ApiObject): readonly FieldProblem[] {
  const type = stringAt(slice, 'addressType') ?? '';
  const problems: FieldProblem[] = [];
  if (type === '') problems.push(required('addressType'));
  else if (!ADDRESS_TYPES.includes(type)) problems.push(notSupported('addressType', type, ADDRESS_TYPES));
  const endpoints = objectsAt(slice, 'endpoints');
  if (endpoints.length > MAX_ENDPOINTS) problems.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
  endpoints.forEach((endpoint, index) => {
    const addresses = stringsAt(endpoint, 'addresses');
    if (addresses.length === 0)
      problems.push(required(`endpoints[${index}].addresses`, 'must contain at least 1 address'));
    addresses.forEach((address, at) => {
      const field = `endpoints[${index}].addresses[${at}]`;
      const family = tryParseAddress(address)?.family;
      if (type === 'IPv4' && family !== 4) problems.push(invalid(field, address, 'must be a valid IPv4 address'));
      if (type === 'IPv6' && family !== 6) problems.push(invalid(field, address, 'must be a valid IPv6 address'));
    });
  });
  objectsAt(slice, 'ports').forEach((port, index) => {
    const name = stringAt(port, 'name') ?? '';
    const problem = name === '' ? undefined : dnsLabelProblem(name);
    if (problem !== undefined) problems.push(invalid(`ports[${index}].name`, name, problem));
    const numberProblem = port.port === undefined ? undefined : portNumberProblem(port.port);
    if (numberProblem !== undefined) problems.push(invalid(`ports[${index}].port`, port.port, numberProblem));
  });
  return problems;
}

export function validateEndpointSliceUpdate(slice: ApiObject, previous: ApiObject): readonly FieldProblem[] {
  return slice.addressType === previous.addressType
    ? []
    : [invalid('addressType', slice.addressType, 'field is immutable')];
}

export function validateLease(lease: ApiObject): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  const duration = numberAt(lease, 'spec', 'leaseDurationSeconds');
  if (duration !== undefined && duration <= 0)
    problems.push(invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
  const transitions = numberAt(lease, 'spec', 'leaseTransitions');
  if (transitions !== undefined && transitions < 0) {
    problems.push(invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
  }
  return problems;
}

const DATA_KEY = /^[-._a-zA-Z0-9]+$/;

/** Entries of ConfigMaps and Secrets are named like files. */
export function validateData(object: ApiObject): readonly FieldProblem[] {
  return ['data', 'binaryData'].flatMap((field) =>
    Object.keys(objectAt(object, field) ?? {}).flatMap((key) =>
      DATA_KEY.test(key) && key.length <= 253 && key !== '.' && !key.startsWith('..')
        ? []
        : [
            invalid(
              `${field}[${key}]`,
              key,
              "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
            ),
          ],
    ),
  );
}

export function validateDataUpdate(object: ApiObject, previous: ApiObject): readonly FieldProblem[] {
  if (previous.immutable !== true) return [];
  const text = 'field is immutable when `immutable` is set';
  if (object.immutable !== true) return [forbidden('immutable', text)];
  return ['data', 'binaryData'].flatMap((field) =>
    isDeepStrictEqual(object[field], previous[field]) ? [] : [forbidden(field, text)],
  );
}

export function validateSecretUpdate(secret: ApiObject, previous: ApiObject): readonly FieldProblem[] {
  const type = secret.type === previous.type ? [] : [invalid('type', secret.type, 'field is immutable')];
  return [...type, ...validateDataUpdate(secret, previous)];
}

/** An event lies in the namespace of what it is about, or in default. */
export function validateEvent(event: ApiObject): readonly FieldProblem[] {
  const about = stringAt(valueAt(event, 'involvedObject'), 'namespace') ?? '';
  const namespace = stringAt(event.metadata, 'namespace') ?? '';
  if (about === namespace || (about === '' && namespace !== '')) return [];
  return [invalid('involvedObject.namespace', about, 'does not match event.namespace')];
}
