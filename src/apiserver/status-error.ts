import { type ErrorCode, FlatnetError } from '../error/flatnet-error.ts';
import type { FieldProblem } from './field-problem.ts';
import type { JsonObject } from './json-value.ts';

/** What a Status says about whom it concerns (meta/v1 `StatusDetails`). */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** The resource's plural for lookups, the kind for validation, as a kube-apiserver does. */
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly { readonly reason: string; readonly message: string; readonly field?: string }[];
  readonly retryAfterSeconds?: number;
}

/** The part of a resource that error texts name. */
export interface ResourceName {
  readonly group: string;
  readonly plural: string;
}

/** A request refused with a Kubernetes Status; `httpStatus` and `reason` are what clients decide by. */
export class StatusError extends FlatnetError {
  readonly httpStatus: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  readonly text: string;

  constructor(httpStatus: number, reason: string, text: string, details?: StatusDetails) {
    super({ operation: 'serve Kubernetes API', code: errorCodeOf(httpStatus), message: text });
    this.httpStatus = httpStatus;
    this.reason = reason;
    this.text = text;
    this.details = details;
  }

  /** The Status object that goes over the wire. */
  toStatus(): JsonObject {
    const status: JsonObject = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.text,
      reason: this.reason,
    };
    if (this.details !== undefined) status.details = JSON.parse(JSON.stringify(this.details));
    status.code = this.httpStatus;
    return status;
  }
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
    case 429:
    case 500:
    case 503:
      return 'unavailable';
    case 504:
      return 'timeout';
    default:
      return 'invalid';
  }
}

/** `pods`, or `deployments.apps`. */
export function qualifiedName(resource: ResourceName): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

function detailsOf(resource: ResourceName, name: string): StatusDetails {
  return resource.group === ''
    ? { name, kind: resource.plural }
    : { name, group: resource.group, kind: resource.plural };
}

export function notFound(resource: ResourceName, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualifiedName(resource)} "${name}" not found`, detailsOf(resource, name));
}

export function unknownResource(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(resource: ResourceName, name: string): StatusError {
  const text = `${qualifiedName(resource)} "${name}" already exists`;
  return new StatusError(409, 'AlreadyExists', text, detailsOf(resource, name));
}

export function conflict(resource: ResourceName, name: string, why?: string): StatusError {
  const reason = why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  const text = `Operation cannot be fulfilled on ${qualifiedName(resource)} "${name}": ${reason}`;
  return new StatusError(409, 'Conflict', text, detailsOf(resource, name));
}

export function forbiddenRequest(resource: ResourceName, name: string, why: string): StatusError {
  const text = `${qualifiedName(resource)} "${name}" is forbidden: ${why}`;
  return new StatusError(403, 'Forbidden', text, detailsOf(resource, name));
}

/** 422 with a cause for each problem; `problems` must not be empty. */
export function invalidObject(
  kind: string,
  group: string,
  name: string,
  problems: readonly FieldProblem[],
): StatusError {
  const texts = problems.map((problem) => `${problem.field}: ${problem.message}`);
  const joined = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  return new StatusError(422, 'Invalid', `${kind} "${name}" is invalid: ${joined}`, {
    name,
    ...(group === '' ? {} : { group }),
    kind,
    causes: problems.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

export function badRequest(text: string): StatusError {
  return new StatusError(400, 'BadRequest', text);
}

export function methodNotAllowed(): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

export function expired(text: string): StatusError {
  return new StatusError(410, 'Expired', text);
}

export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}
