import type { LabelSelector, LabelSelectorRequirement } from '../object.ts';

type Labels = Readonly<Record<string, string>>;

/** Whether a selector picks an object with these labels: an empty one picks all, an absent one none. */
export function labelSelectorMatches(selector: LabelSelector | undefined, labels: Labels | undefined = {}): boolean {
  if (selector === undefined) return false;
  return (
    labelsMatch(selector.matchLabels ?? {}, labels) &&
    (selector.matchExpressions ?? []).every((requirement) => requirementHolds(requirement, labels))
  );
}

/** Whether `labels` has every pair of `wanted`, as a Service's selector asks. */
export function labelsMatch(wanted: Labels, labels: Labels | undefined = {}): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

function requirementHolds({ key, operator, values = [] }: LabelSelectorRequirement, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return operator satisfies never;
  }
}

/** A selector in the text form of a `labelSelector` query. */
export function formatLabelSelector(selector: LabelSelector): string {
  const equalities = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    switch (operator) {
      case 'In':
        return `${key} in (${values.join(',')})`;
      case 'NotIn':
        return `${key} notin (${values.join(',')})`;
      case 'Exists':
        return key;
      case 'DoesNotExist':
        return `!${key}`;
      default:
        return operator satisfies never;
    }
  });
  return [...equalities, ...expressions].join(',');
}
