import { isDeepStrictEqual } from 'node:util';
import { type FieldProblem, forbidden, invalid, notSupported, required } from '../field-problem.ts';
import {
  type ApiObject,
  type JsonObject,
  numberAt,
  objectAt,
  objectsAt,
  stringAt,
  stringsAt,
  valueAt,
} from '../json-value.ts';
import { validateLabelSelector, validateLabels } from './object-metadata.ts';
import { validatePodSpec } from './pod-validation.ts';

const STRATEGIES = { Deployment: ['Recreate', 'RollingUpdate'], Other: ['OnDelete', 'RollingUpdate'] } as const;

/** Problems of a Deployment, ReplicaSet, StatefulSet or DaemonSet. */
export function validateWorkload(object: ApiObject): readonly FieldProblem[] {
  const spec = objectAt(object, 'spec') ?? {};
  const kind = stringAt(object, 'kind') ?? '';
  const problems: FieldProblem[] = [];
  for (const name of ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds']) {
    const value = numberAt(spec, name);
    if (value !== undefined && value < 0) {
      problems.push(invalid(`spec.${name}`, value, 'must be greater than or equal to 0'));
    }
  }
  problems.push(...validateSelector(spec), ...validateStrategy(kind, spec));
  const template = objectAt(spec, 'template') ?? {};
  const templateSpec = objectAt(template, 'spec') ?? {};
  problems.push(...validateLabels('spec.template.labels', valueAt(template, 'metadata', 'labels')));
  problems.push(...validatePodSpec('spec.template.spec', templateSpec));
  if (templateSpec.restartPolicy !== 'Always') {
    problems.push(notSupported('spec.template.spec.restartPolicy', templateSpec.restartPolicy, ['Always']));
  }
  return problems;
}

function validateSelector(spec: JsonObject): readonly FieldProblem[] {
  const selector = objectAt(spec, 'selector');
  if (selector === undefined) return [required('spec.selector')];
  const problems = validateLabelSelector('spec.selector', selector);
  if (problems.length > 0) return problems;
  if (Object.keys(selector).length === 0) {
    return [invalid('spec.selector', selector, 'empty selector is invalid for deployment')];
  }
  const labels = objectAt(spec, 'template', 'metadata', 'labels') ?? {};
  if (selectorMatches(selector, labels)) return [];
  return [invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
}

function selectorMatches(selector: JsonObject, labels: JsonObject): boolean {
  const wanted = Object.entries(objectAt(selector, 'matchLabels') ?? {});
  if (!wanted.every(([key, value]) => labels[key] === value)) return false;
  return objectsAt(selector, 'matchExpressions').every((expression) => {
    const value = labels[stringAt(expression, 'key') ?? ''];
    const listed = typeof value === 'string' && stringsAt(expression, 'values').includes(value);
    switch (stringAt(expression, 'operator')) {
      case 'In':
        return listed;
      case 'NotIn':
        return !listed;
      case 'Exists':
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}

function validateStrategy(kind: string, spec: JsonObject): readonly FieldProblem[] {
  const field = kind === 'Deployment' ? 'strategy' : 'updateStrategy';
  const strategy = objectAt(spec, field);
  if (strategy === undefined) return [];
  const supported = kind === 'Deployment' ? STRATEGIES.Deployment : STRATEGIES.Other;
  const type = stringAt(strategy, 'type') ?? '';
  if (!supported.some((name) => name === type)) return [notSupported(`spec.${field}.type`, type, supported)];
  if (strategy.rollingUpdate !== undefined && type !== 'RollingUpdate') {
    return [forbidden(`spec.${field}.rollingUpdate`, `may not be specified when strategy \`type\` is '${type}'`)];
  }
  const { maxUnavailable, maxSurge } = objectAt(strategy, 'rollingUpdate') ?? {};
  const problems: FieldProblem[] = [];
  for (const [name, value] of Object.entries({ maxUnavailable, maxSurge })) {
    if (typeof value === 'string' && !/^\d+%$/.test(value)) {
      const text = "must be an integer or a percentage (e.g '5%', or '10%')";
      problems.push(invalid(`spec.${field}.rollingUpdate.${name}`, value, text));
    } else if (typeof value === 'number' && value < 0) {
      problems.push(invalid(`spec.${field}.rollingUpdate.${name}`, value, 'must be greater than or equal to 0'));
    }
  }
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    const text = kind === 'Deployment' ? 'may not be 0 when `maxSurge` is 0' : 'cannot be 0 when `maxSurge` is 0';
    problems.push(invalid(`spec.${field}.rollingUpdate.maxUnavailable`, maxUnavailable, text));
  }
  return problems;
}

function isZero(value: unknown): boolean {
  return value === 0 || value === '0%';
}

/** A selector stays; of a StatefulSet nearly everything does. */
export function validateWorkloadUpdate(object: ApiObject, previous: ApiObject): readonly FieldProblem[] {
  const selector = valueAt(object, 'spec', 'selector');
  if (!isDeepStrictEqual(selector, valueAt(previous, 'spec', 'selector'))) {
    return [invalid('spec.selector', selector, 'field is immutable')];
  }
  return [];
}

const STATEFUL_SET_CHANGES: readonly string[] = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

export function validateStatefulSetUpdate(object: ApiObject, previous: ApiObject): readonly FieldProblem[] {
  const fixed = (source: ApiObject): JsonObject =>
    Object.fromEntries(
      Object.entries(objectAt(source, 'spec') ?? {}).filter(([key]) => !STATEFUL_SET_CHANGES.includes(key)),
    );
  if (isDeepStrictEqual(fixed(object), fixed(previous))) return [];
  const names = STATEFUL_SET_CHANGES.map((name) => `'${name}'`);
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return [forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)];
}
