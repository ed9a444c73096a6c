import type { KindRules } from './kind-rules.ts';

const RULES: Readonly<Record<string, KindRules>> = {};

const NO_RULES: KindRules = {};

/** The rules of the objects in that collection. */
export function kindRules(storage: string): KindRules {
  return RULES[storage] ?? NO_RULES;
}
