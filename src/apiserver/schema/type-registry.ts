import { APPS_TYPES } from './apps-types.ts';
import { AUTHENTICATION_TYPES } from './authentication-types.ts';
import { AUTHORIZATION_TYPES } from './authorization-types.ts';
import { AUTOSCALING_TYPES } from './autoscaling-types.ts';
import { COORDINATION_TYPES } from './coordination-types.ts';
import { CORE_TYPES } from './core-types.ts';
import { DISCOVERY_TYPES } from './discovery-types.ts';
import { EVENTS_TYPES } from './events-types.ts';
import { META_TYPES } from './meta-types.ts';
import { NETWORKING_TYPES } from './networking-types.ts';
import { POLICY_TYPES } from './policy-types.ts';
import { parseTypes, type StructType } from './type-notation.ts';
import { VOLUME_TYPES } from './volume-types.ts';

const TABLES: Readonly<Record<string, string>> = {
  apps: APPS_TYPES,
  authentication: AUTHENTICATION_TYPES,
  authorization: AUTHORIZATION_TYPES,
  autoscaling: AUTOSCALING_TYPES,
  coordination: COORDINATION_TYPES,
  core: `${CORE_TYPES.trimEnd()}\n${VOLUME_TYPES.trim()}`,
  discovery: DISCOVERY_TYPES,
  events: EVENTS_TYPES,
  meta: META_TYPES,
  networking: NETWORKING_TYPES,
  policy: POLICY_TYPES,
};

const TYPES: ReadonlyMap<string, StructType> = new Map(
  Object.entries(TABLES).flatMap(([table, text]) => parseTypes(table, text).map((type) => [type.name, type] as const)),
);

/** The type of that name, such as `core.Pod`. @throws TypeError where no table has it: a mistake in the tables. */
export function structType(name: string): StructType {
  const type = TYPES.get(name);
  if (type === undefined) throw new TypeError(`no type table has ${name}`);
  return type;
}

export function allTypes(): Iterable<StructType> {
  return TYPES.values();
}

/** The name in OpenAPI documents: `io.k8s.api.core.v1.Pod`. */
export function openApiName(type: string): string {
  const [table = '', name = ''] = type.split('.');
  return table === 'meta' ? `io.k8s.apimachinery.pkg.apis.meta.v1.${name}` : `io.k8s.api.${table}.v1.${name}`;
}
