import * as v from 'valibot';

/** `field: what is wrong with it`, for every field that is wrong. */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.map((issue) => `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`).join('; ');
}
