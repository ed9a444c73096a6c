import { isJsonObject, type JsonObject, type JsonValue } from '../json-value.ts';
import type { Scalar, Shape } from './type-notation.ts';
import { structType } from './type-registry.ts';

/** What reading a value by its schema found. */
export interface Decoded {
  /** The value without unknown fields, nulls, and optional lists and maps that are empty, as Go's encoding drops them. */
  readonly value: JsonObject;
  /** Paths of fields that the schema lacks, in document order: `spec.replica`. */
  readonly unknown: readonly string[];
}

/** A value whose JSON type isn't its field's; the message is Go's, which kubectl's users know. */
export class DecodeError extends TypeError {}

/** Reads `value` as the struct type of that name. @throws DecodeError where a value has the wrong JSON type. */
export function decodeStruct(typeName: string, value: JsonObject): Decoded {
  const unknown: string[] = [];
  return { value: readStruct(typeName, value, '', unknown), unknown };
}

function readStruct(typeName: string, value: JsonObject, path: string, unknown: string[]): JsonObject {
  const type = structType(typeName);
  const read: JsonObject = {};
  for (const [name, item] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`;
    const field = type.fields.get(name);
    if (field === undefined) {
      unknown.push(at);
      continue;
    }
    if (item === null) continue;
    const decoded = readShape(field.shape, item, at, typeName, unknown);
    if (!field.required && isEmptyCollection(field.shape, decoded)) continue;
    read[name] = decoded;
  }
  return read;
}

function isEmptyCollection(shape: Shape, value: JsonValue): boolean {
  if (shape.kind === 'list') return Array.isArray(value) && value.length === 0;
  if (shape.kind === 'map') return isJsonObject(value) && Object.keys(value).length === 0;
  return false;
}

function readShape(shape: Shape, value: JsonValue, path: string, owner: string, unknown: string[]): JsonValue {
  switch (shape.kind) {
    case 'scalar':
      return readScalar(shape.scalar, value, path, owner);
    case 'struct':
      if (!isJsonObject(value)) throw mismatch(value, path, owner, shape.type.replace('.', '.v1.'));
      return readStruct(shape.type, value, path, unknown);
    case 'list':
      if (!Array.isArray(value)) throw mismatch(value, path, owner, `[]${goType(shape.item)}`);
      return value
        .map((item, index) =>
          item === null ? emptyOf(shape.item) : readShape(shape.item, item, `${path}[${index}]`, owner, unknown),
        )
        .filter((item) => item !== undefined);
    case 'map': {
      if (!isJsonObject(value)) throw mismatch(value, path, owner, `map[string]${goType(shape.value)}`);
      const read: JsonObject = {};
      for (const [key, item] of Object.entries(value)) {
        const decoded = item === null ? emptyOf(shape.value) : readShape(shape.value, item, path, owner, unknown);
        if (decoded !== undefined) read[key] = decoded;
      }
      return read;
    }
    default:
      return shape satisfies never;
  }
}

/** What Go makes of a null inside a list or a map: the zero value. */
function emptyOf(shape: Shape): JsonValue | undefined {
  if (shape.kind === 'struct') return {};
  return shape.kind === 'scalar' && shape.scalar === 'string' ? '' : undefined;
}

const INTEGER_LIMITS = { int32: 2 ** 31, int64: 2 ** 63 } as const;

function readScalar(scalar: Scalar, value: JsonValue, path: string, owner: string): JsonValue {
  switch (scalar) {
    case 'string':
      if (typeof value !== 'string') throw mismatch(value, path, owner, 'string');
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw mismatch(value, path, owner, 'bool');
      return value;
    case 'int32':
    case 'int64':
      if (typeof value !== 'number' || !Number.isInteger(value)) throw mismatch(value, path, owner, scalar);
      if (Math.abs(value) > INTEGER_LIMITS[scalar]) throw mismatch(value, path, owner, scalar);
      return value;
    case 'intOrString':
      if (typeof value !== 'string' && !Number.isInteger(value))
        throw mismatch(value, path, owner, 'intstr.IntOrString');
      return value;
    case 'quantity':
      if (typeof value === 'number') return String(value);
      if (typeof value !== 'string' || !QUANTITY.test(value)) throw new DecodeError(QUANTITY_MESSAGE);
      return value;
    case 'time':
    case 'microTime':
      if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) throw mismatch(value, path, owner, 'time.Time');
      return value;
    case 'bytes':
      if (typeof value !== 'string') throw mismatch(value, path, owner, '[]uint8');
      if (!BASE64.test(value)) throw new DecodeError('illegal base64 data at input byte 0');
      return value;
    case 'any':
      return value;
    default:
      return scalar satisfies never;
  }
}

const QUANTITY = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[numkKMGTPE]|[KMGTPE]i)?$/;
const QUANTITY_MESSAGE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const BASE64 = /^(?:[A-Za-z0-9+/\s]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\s*$/;

function mismatch(value: JsonValue, path: string, owner: string, wanted: string): DecodeError {
  const found = Array.isArray(value)
    ? 'array'
    : value === null
      ? 'null'
      : typeof value === 'boolean'
        ? 'bool'
        : typeof value;
  const type = owner.slice(owner.indexOf('.') + 1);
  const plainPath = path.replaceAll(/\[\d+\]/g, '');
  return new DecodeError(`json: cannot unmarshal ${found} into Go struct field ${type}.${plainPath} of type ${wanted}`);
}

function goType(shape: Shape): string {
  switch (shape.kind) {
    case 'scalar':
      return shape.scalar;
    case 'struct':
      return shape.type.replace('.', '.v1.');
    case 'list':
      return `[]${goType(shape.item)}`;
    case 'map':
      return `map[string]${goType(shape.value)}`;
    default:
      return shape satisfies never;
  }
}
