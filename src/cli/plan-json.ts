import { type Address, formatAddress } from '../address/address.ts';
import { formatPrefix, type Prefix } from '../address/prefix.ts';

/** A plan as JSON for people and programs: addresses and prefixes as text, maps as objects, sets as lists. */
export function formatPlanJson(plan: unknown): string {
  return `${JSON.stringify(plainValue(plan), undefined, 2)}\n`;
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isAddress(value)) return formatAddress(value);
  if (isPrefix(value)) return formatPrefix(value);
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([key, item]) => [key, plainValue(item)]));
  if (Array.isArray(value) || value instanceof Set) return Array.from(value, plainValue);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainValue(item)]));
}

function isAddress(value: object): value is Address {
  return 'family' in value && 'value' in value && typeof value.value === 'bigint';
}

/** Of prefixes and of addresses on interfaces the fields are the same, and so is the text. */
function isPrefix(value: object): value is Prefix {
  if (!('address' in value) || !('length' in value) || Object.keys(value).length !== 2) return false;
  return typeof value.address === 'object' && value.address !== null && isAddress(value.address);
}
