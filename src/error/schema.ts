import * as v from 'valibot';
import { FlatnetError } from './flatnet-error.ts';

/**
 * Validates `input` by a valibot schema.
 * @throws FlatnetError `invalid` that names the first field at fault, its value, and what is expected there
 */
export function parseBySchema<const Schema extends v.GenericSchema>(
  operation: string,
  schema: Schema,
  input: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, input, { abortPipeEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = v.getDotPath(issue) ?? 'the document';
  const unknownKey = issue.type === 'strict_object' && issue.expected === 'never';
  throw new FlatnetError({
    operation,
    code: 'invalid',
    message: unknownKey
      ? `${field} is not a known field`
      : `${field}: ${issue.message} (it is ${JSON.stringify(issue.input) ?? 'missing'})`,
    remedy: unknownKey
      ? `remove ${field}, or correct its spelling`
      : issue.expected === null
        ? `correct ${field}`
        : `set ${field} to ${issue.expected}`,
  });
}

/** `field: what is wrong with it`, for every field that is wrong. */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.map((issue) => `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`).join('; ');
}

/** A schema for text that `parse` turns into a value; what `parse` throws becomes the issue's message. */
export function parsedText<T>(parse: (text: string) => T): v.GenericSchema<string, T> {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        addIssue({ message: error instanceof Error ? error.message : String(error) });
        return NEVER;
      }
    }),
  );
}
