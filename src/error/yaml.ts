import { CORE_SCHEMA, dump, loadAll } from 'js-yaml';
import { FlatnetError } from './flatnet-error.ts';

/**
 * Parses the documents of a YAML text (YAML 1.2, core schema: no dates, no `yes`); JSON is YAML too. Empty ones are null.
 * @throws FlatnetError `invalid` that names line and column
 */
export function parseYamlDocuments(operation: string, text: string): readonly unknown[] {
  try {
    return loadAll(text, { schema: CORE_SCHEMA });
  } catch (cause) {
    throw new FlatnetError({
      operation,
      code: 'invalid',
      message: `it is neither YAML nor JSON: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
      remedy: 'correct the text at that line and column',
      cause,
    });
  }
}

/** The only document of a YAML text; null where it is empty. @throws FlatnetError `invalid` */
export function parseYaml(operation: string, text: string): unknown {
  const [document = null, second] = parseYamlDocuments(operation, text);
  if (second === undefined) return document;
  throw new FlatnetError({
    operation,
    code: 'invalid',
    message: 'it holds more than one document',
    remedy: 'remove all that stands after the second ---',
  });
}

/** A value as YAML, keys in their order, fields that are undefined left out. */
export function formatYaml(value: unknown): string {
  return dump(value, { lineWidth: -1, noRefs: true });
}
