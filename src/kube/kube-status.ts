import { type ErrorCode, FlatnetError } from '../error/flatnet-error.ts';

/** meta/v1 Status: how an API server says why it refused. */
export interface KubeStatus {
  readonly kind: 'Status';
  /** The HTTP status. */
  readonly code: number;
  /** `NotFound`, `AlreadyExists`, `Conflict`, `Expired`, `Invalid`, …; empty where the server gave none. */
  readonly reason: string;
  readonly message: string;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

/** The Status that an API server answered with, where `error` is such an answer. */
export function kubeStatusOf(error: unknown): KubeStatus | undefined {
  return error instanceof FlatnetError && isKubeStatus(error.cause) ? error.cause : undefined;
}

/** True if an API server refused with this reason, such as `NotFound`. */
export function isKubeReason(error: unknown, reason: string): boolean {
  return kubeStatusOf(error)?.reason === reason;
}

/** True if the resource version asked for is too old to go on from. */
export function isExpired(error: unknown): boolean {
  return kubeStatusOf(error)?.code === 410;
}

function isKubeStatus(value: unknown): value is KubeStatus {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}

/** The error for a refused request; the Status is its cause. */
export function statusError(operation: string, status: KubeStatus): FlatnetError {
  return new FlatnetError({ operation, code: errorCodeOf(status.code), message: status.message, cause: status });
}

/** The Status in the body of a refusal; a proxy's page of HTML makes one too. */
export function parseKubeStatus(code: number, body: string): KubeStatus {
  try {
    const parsed: unknown = JSON.parse(body);
    if (isKubeStatus(parsed)) {
      return { ...parsed, code: parsed.code ?? code, reason: parsed.reason ?? '', message: parsed.message ?? '' };
    }
  } catch {
    // Not JSON: the text below tells what came instead.
  }
  const excerpt = body.trim().slice(0, 200);
  return { kind: 'Status', code, reason: '', message: `HTTP status ${code}${excerpt === '' ? '' : `: ${excerpt}`}` };
}

function errorCodeOf(httpStatus: number): ErrorCode {
  switch (httpStatus) {
    case 401:
    case 403:
      return 'permission';
    case 404:
      return 'not-found';
    case 409:
      return 'conflict';
    case 405:
    case 406:
    case 415:
      return 'unsupported';
    case 504:
      return 'timeout';
    case 410:
    case 429:
      return 'unavailable';
    default:
      return httpStatus >= 500 ? 'unavailable' : 'invalid';
  }
}
