import { type ErrorCode, FlatnetError, type FlatnetErrorDetails } from '../error/flatnet-error.ts';

/** Codes of CNI errors: SPEC.md of CNI 1.1.0, section 5 ("Error"); 100 and above are a plugin's own. */
export const CNI_ERROR_CODES = {
  'incompatible version': 1,
  'unsupported field': 2,
  'unknown container': 3,
  'invalid environment': 4,
  io: 5,
  decoding: 6,
  'invalid configuration': 7,
  'try again later': 11,
  'not available': 50,
  'not available, limited connectivity': 51,
  /** Ours: anything that none of the specification's own codes names. */
  failed: 100,
} as const;

export type CniErrorKind = keyof typeof CNI_ERROR_CODES;

const KIND_OF_CODE: Readonly<Record<ErrorCode, CniErrorKind>> = {
  usage: 'invalid environment',
  invalid: 'invalid configuration',
  'not-found': 'failed',
  conflict: 'failed',
  exhausted: 'try again later',
  unavailable: 'try again later',
  permission: 'io',
  unsupported: 'failed',
  timeout: 'try again later',
  io: 'io',
};

const CODE_OF_KIND: Readonly<Record<CniErrorKind, ErrorCode>> = {
  'incompatible version': 'unsupported',
  'unsupported field': 'unsupported',
  'unknown container': 'not-found',
  'invalid environment': 'usage',
  io: 'io',
  decoding: 'invalid',
  'invalid configuration': 'invalid',
  'try again later': 'unavailable',
  'not available': 'unavailable',
  'not available, limited connectivity': 'unavailable',
  failed: 'io',
};

/** An error that knows under which of CNI's codes the runtime shall hear of it. */
export class CniError extends FlatnetError {
  readonly kind: CniErrorKind;

  constructor(kind: CniErrorKind, details: Omit<FlatnetErrorDetails, 'code'>) {
    super({ ...details, code: CODE_OF_KIND[kind] });
    this.name = 'CniError';
    this.kind = kind;
  }
}

/** What a plugin that failed prints on stdout. */
export interface CniErrorReport {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** The report of any error: its CNI code, its message, and its remedy and causes as details. */
export function reportError(error: unknown, cniVersion: string): CniErrorReport {
  const details = detailsOf(error);
  return {
    cniVersion,
    code: CNI_ERROR_CODES[kindOf(error)],
    msg: error instanceof Error ? error.message : String(error),
    ...(details === '' ? {} : { details }),
  };
}

function kindOf(error: unknown): CniErrorKind {
  if (error instanceof CniError) return error.kind;
  return error instanceof FlatnetError ? KIND_OF_CODE[error.code] : 'failed';
}

function detailsOf(error: unknown): string {
  const parts: string[] = [];
  if (error instanceof FlatnetError && error.remedy !== undefined) parts.push(error.remedy);
  if (error instanceof AggregateError) parts.push(...error.errors.map(messageOf));
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) parts.push(messageOf(cause));
  return parts.join('; ');
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
