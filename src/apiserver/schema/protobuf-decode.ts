import { isJsonObject, type JsonObject, type JsonValue } from '../json-value.ts';
import { readMessage } from './protobuf-reader.ts';
import type { FieldType, Scalar, Shape } from './type-notation.ts';
import { structType } from './type-registry.ts';

/** What begins a body in Kubernetes' protobuf form (apimachinery runtime/serializer/protobuf). */
const MAGIC = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);

/** What a protobuf body says it is, and the message itself. */
export interface ProtobufEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

/** Opens the envelope (`runtime.Unknown`). @throws TypeError or RangeError where it can't be read. */
export function openProtobufEnvelope(body: Uint8Array): ProtobufEnvelope {
  if (!MAGIC.every((byte, index) => body[index] === byte))
    throw new TypeError('protobuf: the body lacks its prefix k8s');
  let raw: Uint8Array = new Uint8Array();
  const type = { apiVersion: '', kind: '' };
  for (const { number, value } of readMessage(body.subarray(MAGIC.length))) {
    if (typeof value === 'bigint') continue;
    if (number === 2) raw = value;
    if (number !== 1) continue;
    for (const field of readMessage(value)) {
      if (typeof field.value === 'bigint') continue;
      if (field.number === 1) type.apiVersion = text(field.value);
      if (field.number === 2) type.kind = text(field.value);
    }
  }
  return { ...type, raw };
}

/**
 * Fields that Go holds as pointers, so that zero is a value of its own; every other zero is the absence of one, for this
 * form always writes fields that Go holds by value.
 */
const ZERO_COUNTS: ReadonlySet<string> = new Set([
  'activeDeadlineSeconds',
  'allocateLoadBalancerNodePorts',
  'allowPrivilegeEscalation',
  'automountServiceAccountToken',
  'blockOwnerDeletion',
  'controller',
  'defaultMode',
  'enableServiceLinks',
  'expirationSeconds',
  'fsGroup',
  'gracePeriodSeconds',
  'immutable',
  'mode',
  'optional',
  'orphanDependents',
  'partition',
  'priority',
  'privileged',
  'procMount',
  'progressDeadlineSeconds',
  'readOnlyRootFilesystem',
  'ready',
  'replicas',
  'revisionHistoryLimit',
  'runAsGroup',
  'runAsNonRoot',
  'runAsUser',
  'serving',
  'shareProcessNamespace',
  'started',
  'terminating',
  'terminationGracePeriodSeconds',
  'tolerationSeconds',
]);

/** Reads a message as the struct type of that name. @throws TypeError or RangeError where it can't be read. */
export function decodeProtobuf(typeName: string, bytes: Uint8Array): JsonObject {
  const value: JsonObject = {};
  const fields = [...structType(typeName).fields.values()].filter((field) => field.numbers.length > 0);
  readInto(value, fields, 0, bytes);
  return value;
}

/** Reads the fields at that depth of embedding. */
function readInto(value: JsonObject, fields: readonly FieldType[], depth: number, bytes: Uint8Array): void {
  for (const field of readMessage(bytes)) {
    const here = fields.filter(({ numbers }) => numbers[depth] === field.number);
    const [only] = here;
    if (only !== undefined && only.numbers.length === depth + 1) readField(value, only, field.value);
    else if (here.length > 0 && typeof field.value !== 'bigint') readInto(value, here, depth + 1, field.value);
  }
}

function readField(into: JsonObject, field: FieldType, wire: bigint | Uint8Array): void {
  const { name, shape } = field;
  const present = into[name];
  switch (shape.kind) {
    case 'list': {
      const list = Array.isArray(present) ? present : [];
      list.push(readValue(shape.item, wire));
      into[name] = list;
      return;
    }
    case 'map': {
      const map = isJsonObject(present) ? present : {};
      let key = '';
      let value: JsonValue = '';
      for (const entry of readMessage(bytesOf(wire))) {
        if (entry.number === 1) key = text(bytesOf(entry.value));
        else value = readValue(shape.value, entry.value);
      }
      map[key] = value;
      into[name] = map;
      return;
    }
    default: {
      const value = readValue(shape, wire);
      const isZero = value === '' || value === 0 || value === false || value === null;
      if (!isZero || ZERO_COUNTS.has(name)) into[name] = value;
    }
  }
}

function readValue(shape: Shape, wire: bigint | Uint8Array): JsonValue {
  if (shape.kind === 'struct') return decodeProtobuf(shape.type, bytesOf(wire));
  if (shape.kind !== 'scalar') throw new TypeError('protobuf: lists and maps do not nest');
  return readScalar(shape.scalar, wire);
}

function readScalar(scalar: Scalar, wire: bigint | Uint8Array): JsonValue {
  switch (scalar) {
    case 'string':
      return text(bytesOf(wire));
    case 'bytes':
      return Buffer.from(bytesOf(wire)).toString('base64');
    case 'bool':
      return numberOf(wire) !== 0n;
    case 'int32':
      return Number(BigInt.asIntN(32, numberOf(wire)));
    case 'int64':
      return Number(BigInt.asIntN(64, numberOf(wire)));
    case 'quantity':
      return [...readMessage(bytesOf(wire))].map(({ value }) => text(bytesOf(value)))[0] ?? '';
    case 'intOrString':
      return readIntOrString(bytesOf(wire));
    case 'time':
    case 'microTime':
      return readTime(bytesOf(wire), scalar === 'microTime');
    case 'any': {
      const [raw] = [...readMessage(bytesOf(wire))];
      return raw === undefined ? null : JSON.parse(text(bytesOf(raw.value)));
    }
    default:
      return scalar satisfies never;
  }
}

/** `intstr.IntOrString`: 1 is the type (1 a string), 2 the number, 3 the string. */
function readIntOrString(bytes: Uint8Array): JsonValue {
  let isString = false;
  let number = 0;
  let string = '';
  for (const field of readMessage(bytes)) {
    if (field.number === 1) isString = numberOf(field.value) === 1n;
    else if (field.number === 2) number = Number(BigInt.asIntN(32, numberOf(field.value)));
    else string = text(bytesOf(field.value));
  }
  return isString ? string : number;
}

/** `meta/v1` Time: seconds and nanoseconds; an empty one is no time. */
function readTime(bytes: Uint8Array, micro: boolean): JsonValue {
  let seconds = 0n;
  let nanoseconds = 0n;
  for (const field of readMessage(bytes)) {
    if (field.number === 1) seconds = BigInt.asIntN(64, numberOf(field.value));
    else nanoseconds = numberOf(field.value);
  }
  if (seconds === 0n && nanoseconds === 0n) return null;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return micro ? `${whole}.${String(nanoseconds / 1000n).padStart(6, '0')}Z` : `${whole}Z`;
}

function bytesOf(wire: bigint | Uint8Array): Uint8Array {
  if (typeof wire === 'bigint') throw new TypeError('protobuf: a number stands where bytes belong');
  return wire;
}

function numberOf(wire: bigint | Uint8Array): bigint {
  if (typeof wire !== 'bigint') throw new TypeError('protobuf: bytes stand where a number belongs');
  return wire;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
