/**
 * The notation of the type tables beside this file. A type is a line `Name:` (or `Name atomic:`), followed by its fields,
 * parted by `;` and indented:
 *
 *     ServicePort:
 *       name=1 string; port=3! int32; targetPort=4 intOrString
 *
 * The number is the field's in Kubernetes' protobuf form (`2.1`: in the message that is embedded as field 2). `!` marks a field that is written even where empty. A shape is a scalar, `[]shape`, `map[shape]`, a type of the same
 * table, or `table.Type`. Behind it stand the patch rules: `merge=KEY` (a list merged by that key), `merge` (a list of
 * scalars merged as a set), `key=A,B` (the keys that server-side apply tells items apart by, where they differ from the
 * merge key), `set`, `retainKeys`.
 */
export type Scalar =
  | 'string'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'quantity'
  | 'intOrString'
  | 'time'
  | 'microTime'
  | 'bytes'
  | 'any';

export type Shape =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'struct'; readonly type: string }
  | { readonly kind: 'list'; readonly item: Shape }
  | { readonly kind: 'map'; readonly value: Shape };

export interface FieldType {
  readonly name: string;
  readonly required: boolean;
  /** Numbers of the protobuf fields that lead to it; empty where that form doesn't carry it. */
  readonly numbers: readonly number[];
  readonly shape: Shape;
  /** Strategic merge: the list is merged and not replaced; by this key, or as a set where the key is ''. */
  readonly mergeKey?: string;
  /** Server-side apply: the keys of a list that acts as a map. */
  readonly mapKeys?: readonly string[];
  readonly set: boolean;
  readonly retainKeys: boolean;
}

export interface StructType {
  /** `table.Name`, unique over all tables. */
  readonly name: string;
  /** Server-side apply owns it as one value. */
  readonly atomic: boolean;
  readonly fields: ReadonlyMap<string, FieldType>;
}

const SCALARS: ReadonlySet<string> = new Set<Scalar>([
  'string',
  'int32',
  'int64',
  'bool',
  'quantity',
  'intOrString',
  'time',
  'microTime',
  'bytes',
  'any',
]);

/** The types of one table; `table` names it in references. @throws TypeError where the notation is broken. */
export function parseTypes(table: string, text: string): readonly StructType[] {
  const types: StructType[] = [];
  const paragraphs = text.trim().split(/\n(?=\S)/);
  for (const paragraph of paragraphs) {
    const match = /^(\w+)( atomic)?:([\s\S]*)$/.exec(paragraph);
    const [, name, atomic, body] = match ?? [];
    if (name === undefined || body === undefined)
      throw new TypeError(`type table ${table}: cannot read "${paragraph}"`);
    const fields = body
      .split(';')
      .map((field) => field.trim())
      .filter((field) => field !== '')
      .map((field): [string, FieldType] => {
        const parsed = parseField(table, field);
        return [parsed.name, parsed];
      });
    types.push({ name: `${table}.${name}`, atomic: atomic !== undefined, fields: new Map(fields) });
  }
  return types;
}

function parseField(table: string, text: string): FieldType {
  const [rawName, rawShape, ...rules] = text.split(/\s+/);
  if (rawName === undefined || rawShape === undefined)
    throw new TypeError(`type table ${table}: cannot read "${text}"`);
  const [, name, numbers, bang] = /^(\w+)(?:=([\d.]+))?(!?)$/.exec(rawName) ?? [];
  if (name === undefined) throw new TypeError(`type table ${table}: cannot read the field name "${rawName}"`);
  const merge = rules.find((rule) => rule.startsWith('merge'));
  const key = rules.find((rule) => rule.startsWith('key='));
  const mergeKey = merge === undefined ? undefined : merge.slice('merge='.length);
  const mapKeys = key !== undefined ? key.slice('key='.length).split(',') : mergeKey ? [mergeKey] : undefined;
  return {
    name,
    required: bang === '!',
    numbers: numbers === undefined ? [] : numbers.split('.').map(Number),
    shape: parseShape(table, rawShape),
    ...(mergeKey === undefined ? {} : { mergeKey }),
    ...(mapKeys === undefined ? {} : { mapKeys }),
    set: rules.includes('set'),
    retainKeys: rules.includes('retainKeys'),
  };
}

function parseShape(table: string, text: string): Shape {
  if (text.startsWith('[]')) return { kind: 'list', item: parseShape(table, text.slice(2)) };
  const map = /^map\[(.*)\]$/.exec(text)?.[1];
  if (map !== undefined) return { kind: 'map', value: parseShape(table, map) };
  if (isScalar(text)) return { kind: 'scalar', scalar: text };
  return { kind: 'struct', type: text.includes('.') ? text : `${table}.${text}` };
}

function isScalar(text: string): text is Scalar {
  return SCALARS.has(text);
}
