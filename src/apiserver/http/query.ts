import { isJsonObject, type JsonValue, numberAt, stringAt, stringsAt } from '../json-value.ts';
import type { DeleteOptions, WriteOptions } from '../registry/write-options.ts';
import { badRequest, StatusError } from '../status-error.ts';

/** True for `1`, `true` and a parameter without value, as Go's clients write booleans. */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== 'false' && value !== '0';
}

/** A whole number, or undefined where the parameter is missing. @throws StatusError 400 where it is none. */
export function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^-?\d{1,15}$/.test(value))
    throw badRequest(`Invalid value: ${JSON.stringify(value)}: ${name} must be a number`);
  return Number(value);
}

/** Reads what a writing request's parameters say. @throws StatusError 400 for a value that isn't known. */
export function parseWriteOptions(
  query: URLSearchParams,
  userAgent: string,
  warn: (text: string) => void,
): WriteOptions {
  const fieldValidation = query.get('fieldValidation') ?? 'Warn';
  if (fieldValidation !== 'Ignore' && fieldValidation !== 'Warn' && fieldValidation !== 'Strict') {
    throw badRequest(
      `fieldValidation: Unsupported value: "${fieldValidation}": supported values: "Ignore", "Strict", "Warn"`,
    );
  }
  return {
    dryRun: isDryRun(query.getAll('dryRun')),
    fieldManager: query.get('fieldManager') ?? userAgent.split('/')[0] ?? 'unknown',
    fieldValidation,
    warn,
  };
}

function isDryRun(values: readonly string[]): boolean {
  for (const value of values) {
    if (value === '') continue;
    if (value !== 'All') {
      const text = `dryRun: Unsupported value: "${value}": supported values: "All"`;
      throw new StatusError(422, 'Invalid', text, {});
    }
    return true;
  }
  return false;
}

/** Reads DeleteOptions from the body (which wins) and the parameters. */
export function parseDeleteOptions(query: URLSearchParams, body: JsonValue | undefined): DeleteOptions {
  const options = isJsonObject(body) ? body : {};
  const grace = numberAt(options, 'gracePeriodSeconds') ?? wholeNumber(query, 'gracePeriodSeconds');
  const orphans = options.orphanDependents ?? query.get('orphanDependents');
  const policy =
    stringAt(options, 'propagationPolicy') ??
    query.get('propagationPolicy') ??
    (orphans === true || orphans === 'true' ? 'Orphan' : undefined);
  if (policy !== undefined && policy !== 'Orphan' && policy !== 'Background' && policy !== 'Foreground') {
    throw badRequest(`invalid propagationPolicy "${policy}": it is one of Orphan, Background and Foreground`);
  }
  const uid = stringAt(options, 'preconditions', 'uid');
  const resourceVersion = stringAt(options, 'preconditions', 'resourceVersion');
  return {
    dryRun: isDryRun([...stringsAt(options, 'dryRun'), ...query.getAll('dryRun')]),
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
