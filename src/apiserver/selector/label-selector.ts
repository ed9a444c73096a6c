import { badRequest } from '../status-error.ts';

/** One requirement of a label selector in a query. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | '!';
  readonly values: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

/** Splits at commas outside parentheses. */
function splitRequirements(text: string): readonly string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const SET = /^([^\s!=,()]+)\s+(in|notin)\s*\(([^()]*)\)$/;
const EQUALITY = /^([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)$/;
const EXISTENCE = /^(!?)\s*([^\s!=,()]+)$/;

/**
 * Reads a `labelSelector` query (k8s.io/apimachinery labels.Parse): `a=b,c!=d,e in (f,g),h,!i`.
 * @throws StatusError 400 where a requirement can't be read.
 */
export function parseLabelSelector(text: string): readonly LabelRequirement[] {
  return splitRequirements(text).map((part) => {
    const [, setKey, setOperator, list] = SET.exec(part) ?? [];
    if (setKey !== undefined && list !== undefined) {
      const values = list.split(',').map((value) => value.trim());
      return { key: setKey, operator: setOperator === 'in' ? 'in' : 'notin', values };
    }
    const [, key, operator, value] = EQUALITY.exec(part) ?? [];
    if (key !== undefined && value !== undefined) {
      return { key, operator: operator === '!=' ? 'notin' : 'in', values: [value] };
    }
    const [, bang, name] = EXISTENCE.exec(part) ?? [];
    if (name !== undefined) return { key: name, operator: bang === '!' ? '!' : 'exists', values: [] };
    throw badRequest(`unable to parse requirement: cannot read "${part}" in the label selector "${text}"`);
  });
}

/** The query that `parseLabelSelector` reads back as `requirements`. */
export function formatLabelSelector(requirements: readonly LabelRequirement[]): string {
  return requirements
    .map(({ key, operator, values }) => {
      switch (operator) {
        case 'in':
        case 'notin':
          return `${key} ${operator} (${values.join(',')})`;
        case 'exists':
          return key;
        case '!':
          return `!${key}`;
        default:
          return operator satisfies never;
      }
    })
    .join(',');
}

export function matchesLabels(requirements: readonly LabelRequirement[], labels: Labels): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case 'in':
        return value !== undefined && values.includes(value);
      case 'notin':
        return value === undefined || !values.includes(value);
      case 'exists':
        return value !== undefined;
      case '!':
        return value === undefined;
      default:
        return operator satisfies never;
    }
  });
}
