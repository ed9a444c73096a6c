import { type JsonValue, objectAt, objectsAt, stringAt, stringsAt } from '../json-value.ts';

/** A LabelSelector on one line, as `kubectl get` shows it: `<none>` for an empty one. */
export function labelSelectorText(selector: JsonValue | undefined): string {
  const labels = Object.entries(objectAt(selector, 'matchLabels') ?? {}).map(
    ([key, value]) => `${key}=${String(value)}`,
  );
  const expressions = objectsAt(selector, 'matchExpressions').map((expression) => {
    const key = stringAt(expression, 'key') ?? '';
    const values = `(${stringsAt(expression, 'values').toSorted().join(',')})`;
    switch (stringAt(expression, 'operator')) {
      case 'In':
        return `${key} in ${values}`;
      case 'NotIn':
        return `${key} notin ${values}`;
      case 'DoesNotExist':
        return `!${key}`;
      default:
        return key;
    }
  });
  const texts = [...labels.toSorted(), ...expressions];
  return texts.length === 0 ? '<none>' : texts.join(',');
}

/** Plain labels on one line. */
export function labelsText(labels: JsonValue | undefined): string {
  const pairs = Object.entries(objectAt(labels) ?? {}).map(([key, value]) => `${key}=${String(value)}`);
  return pairs.length === 0 ? '<none>' : pairs.toSorted().join(',');
}
