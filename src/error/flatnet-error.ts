/** What kind of failure an error is; callers decide by this and never by the message. */
export type ErrorCode =
  | 'usage' // the command line or a request is malformed
  | 'invalid' // a value given to us is not acceptable
  | 'not-found'
  | 'conflict' // two parties claim the same thing
  | 'exhausted' // a finite resource has run out
  | 'unavailable' // try again later
  | 'permission'
  | 'unsupported' // this kernel, machine or format cannot do it
  | 'timeout'
  | 'io';

export interface FlatnetErrorDetails {
  /** What was being done, as a noun phrase: `allocate address`, `netlink RTM_NEWROUTE`. */
  readonly operation: string;
  readonly code: ErrorCode;
  /** What is wrong, naming the field and the value. */
  readonly message: string;
  /** What the reader can do about it. */
  readonly remedy?: string;
  readonly cause?: unknown;
  /** errno of the system call that failed, where one did. */
  readonly errno?: number;
}

/** By which errors are known as ours wherever the class was bundled more than once. */
const BRAND = Symbol.for('flatnet.io/error');

/** The one error class of the project: an operation, a code, a message, a remedy. */
export class FlatnetError extends Error {
  readonly operation: string;
  readonly code: ErrorCode;
  readonly remedy: string | undefined;
  readonly errno: number | undefined;

  get [BRAND](): true {
    return true;
  }

  constructor(details: FlatnetErrorDetails) {
    super(
      `${details.operation}: ${details.message}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'FlatnetError';
    this.operation = details.operation;
    this.code = details.code;
    this.remedy = details.remedy;
    this.errno = details.errno;
  }
}

/** True if `error` is ours and, where `code` is given, of that kind. */
export function isFlatnetError(error: unknown, code?: ErrorCode): error is FlatnetError {
  return isOurs(error) && (code === undefined || error.code === code);
}

function isOurs(error: unknown): error is FlatnetError {
  return error instanceof Error && BRAND in error;
}

/** One or two lines for a person: the message and, where there is one, the remedy. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isFlatnetError(error) && error.remedy !== undefined ? `${error.message}\n  ${error.remedy}` : error.message;
}
