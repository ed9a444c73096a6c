import { type Address, formatAddress } from '../../address/address.ts';

/** What stands in a text for the names, addresses and MACs of one participant, by how they are written. */
export type Renaming = ReadonlyMap<string, string>;

/**
 * Any plain value as a text: equal for values that are the same but for what is renamed. Counters' counts, and how rules were
 * written, are left out.
 */
export function canonicalText(value: unknown, renaming: Renaming): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(renamed(value, renaming));
    case 'object':
      return value === null ? 'null' : objectText(value, renaming);
    default:
      return String(value);
  }
}

/** Names stand alone, or as words of a text. */
function renamed(text: string, renaming: Renaming): string {
  const whole = renaming.get(text);
  if (whole !== undefined || !text.includes(' ')) return whole ?? text;
  return text
    .split(' ')
    .map((word) => renaming.get(word) ?? word)
    .join(' ');
}

function objectText(value: object, renaming: Renaming): string {
  if (Array.isArray(value)) return `[${value.map((each) => canonicalText(each, renaming)).join()}]`;
  if (isAddress(value)) {
    const text = formatAddress(value);
    return renaming.get(text) ?? text;
  }
  if ('kind' in value && value.kind === 'counter') return 'counter';
  const entries = Object.entries(value)
    .filter(
      ([key, content]) => content !== undefined && !('statements' in value && (key === 'text' || key === 'comment')),
    )
    .map(([key, content]) => `${key}:${canonicalText(content, renaming)}`);
  return `{${entries.sort().join()}}`;
}

function isAddress(value: object): value is Address {
  return 'family' in value && 'value' in value && typeof value.value === 'bigint';
}
