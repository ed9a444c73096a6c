import { prefixCovers } from '../../address/prefix.ts';
import { type FieldProblem, forbidden, invalid, notSupported, required } from '../field-problem.ts';
import { type ApiObject, type JsonObject, numberAt, objectAt, objectsAt, stringAt, stringsAt } from '../json-value.ts';
import { portNameProblem, portNumberProblem } from './name.ts';
import { validateLabelSelector } from './object-metadata.ts';
import { tryParsePrefix } from './prefix-text.ts';

export function validateNetworkPolicy(policy: ApiObject): readonly FieldProblem[] {
  const spec = objectAt(policy, 'spec') ?? {};
  const problems: FieldProblem[] = [...validateLabelSelector('spec.podSelector', spec.podSelector)];
  stringsAt(spec, 'policyTypes').forEach((type, index) => {
    if (type !== 'Ingress' && type !== 'Egress') {
      problems.push(notSupported(`spec.policyTypes[${index}]`, type, ['Egress', 'Ingress']));
    }
  });
  for (const [direction, peers] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    objectsAt(spec, direction).forEach((rule, index) => {
      const at = `spec.${direction}[${index}]`;
      objectsAt(rule, 'ports').forEach((port, portIndex) => {
        problems.push(...validatePort(`${at}.ports[${portIndex}]`, port));
      });
      objectsAt(rule, peers).forEach((peer, peerIndex) => {
        problems.push(...validatePeer(`${at}.${peers}[${peerIndex}]`, peer));
      });
    });
  }
  return problems;
}

function validatePort(field: string, port: JsonObject): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  const protocol = stringAt(port, 'protocol') ?? '';
  if (!['TCP', 'UDP', 'SCTP'].includes(protocol)) {
    problems.push(notSupported(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']));
  }
  const number = port.port;
  if (number !== undefined) {
    const problem = typeof number === 'string' ? portNameProblem(number) : portNumberProblem(number);
    if (problem !== undefined) problems.push(invalid(`${field}.port`, number, problem));
  }
  const end = numberAt(port, 'endPort');
  if (end === undefined) return problems;
  if (number === undefined) problems.push(required(`${field}.port`, 'must be specified when `endPort` is specified'));
  else if (typeof number === 'string') {
    problems.push(invalid(`${field}.endPort`, end, 'may not be specified when `port` is non-numeric'));
  } else if (typeof number === 'number' && end < number) {
    problems.push(invalid(`${field}.endPort`, end, 'must be greater than or equal to `port`'));
  }
  return problems;
}

function validatePeer(field: string, peer: JsonObject): readonly FieldProblem[] {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if (podSelector === undefined && namespaceSelector === undefined && ipBlock === undefined) {
    return [required(field, 'must specify a peer')];
  }
  if (ipBlock !== undefined && (podSelector !== undefined || namespaceSelector !== undefined)) {
    return [forbidden(field, 'may not specify both ipBlock and another peer')];
  }
  return [
    ...validateLabelSelector(`${field}.podSelector`, podSelector),
    ...validateLabelSelector(`${field}.namespaceSelector`, namespaceSelector),
    ...(ipBlock === undefined ? [] : validateIpBlock(`${field}.ipBlock`, objectAt(peer, 'ipBlock') ?? {})),
  ];
}

function validateIpBlock(field: string, block: JsonObject): readonly FieldProblem[] {
  const text = stringAt(block, 'cidr') ?? '';
  if (text === '') return [required(`${field}.cidr`)];
  const outer = tryParsePrefix(text);
  if (outer === undefined) {
    return [invalid(`${field}.cidr`, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
  }
  return stringsAt(block, 'except').flatMap((exception, index) => {
    const at = `${field}.except[${index}]`;
    const inner = tryParsePrefix(exception);
    if (inner === undefined) {
      return [invalid(at, exception, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
    }
    const inside = prefixCovers(outer, inner) && inner.length > outer.length;
    return inside ? [] : [invalid(at, exception, 'must be a strict subset of `cidr`')];
  });
}
