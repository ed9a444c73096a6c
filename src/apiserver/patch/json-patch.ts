import { applyPatch, type Operation } from 'rfc6902';
import { isJsonObject, type JsonObject, type JsonValue } from '../json-value.ts';
import { badRequest, StatusError } from '../status-error.ts';

/** More operations than this are refused (apiserver `MaxJSONPatchOperations`). */
const OPERATION_LIMIT = 10_000;

/** JSON patch (RFC 6902) of a copy of `target`. @throws StatusError 400 for a patch that is none, 422 where it doesn't apply. */
export function applyJsonPatch(target: JsonObject, patch: JsonValue): JsonValue {
  if (!Array.isArray(patch) || !patch.every(isOperation)) {
    throw badRequest('error decoding patch: a JSON patch is a list of operations with op and path');
  }
  if (patch.length > OPERATION_LIMIT) {
    const text = `The allowed maximum operations in a JSON patch is ${OPERATION_LIMIT}, got ${patch.length}`;
    throw new StatusError(413, 'RequestEntityTooLarge', text);
  }
  const patched: JsonObject = structuredClone(target);
  for (const operation of patch) {
    const [error] = applyPatch(patched, [operation]);
    if (error === null || error === undefined) continue;
    const { op, path } = operation;
    const text =
      error.name === 'TestError'
        ? `testing value ${path} failed: test failed`
        : `the server rejected our request due to an error in our request: ${op} operation does not apply: doc is missing path: ${path}`;
    throw new StatusError(422, 'Invalid', text, {});
  }
  return patched;
}

const OPERATIONS: ReadonlySet<string> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

function isOperation(value: JsonValue): value is JsonObject & Operation {
  if (!isJsonObject(value) || typeof value.op !== 'string' || typeof value.path !== 'string') return false;
  return OPERATIONS.has(value.op);
}
