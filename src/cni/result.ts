import * as v from 'valibot';
import { tryParseAddress } from '../address/address.ts';
import { describeIssues } from '../error/schema.ts';
import { CniError } from './cni-error.ts';
import { type CniVersion, cniVersionAtLeast, parseCniVersion } from './version.ts';

const interfaceSchema = v.looseObject({
  name: v.string(),
  mac: v.optional(v.string()),
  /** Bytes; from 1.1.0. */
  mtu: v.optional(v.number()),
  /** Path of the network namespace; absent for interfaces of the host. */
  sandbox: v.optional(v.string()),
});

const addressSchema = v.looseObject({
  /** With prefix length. */
  address: v.string(),
  gateway: v.optional(v.string()),
  /** Index into `interfaces`. */
  interface: v.optional(v.number()),
});

const routeSchema = v.looseObject({ dst: v.string(), gw: v.optional(v.string()), mtu: v.optional(v.number()) });

/** `null` stands for "none" in what plugins written in Go print. */
const listOf = <S extends v.GenericSchema>(schema: S) => v.pipe(v.nullish(v.array(schema), []), v.transform(toArray));

function toArray<T>(list: T[] | null): T[] {
  return list ?? [];
}

const resultSchema = v.object({
  cniVersion: v.optional(v.string()),
  interfaces: listOf(interfaceSchema),
  ips: listOf(addressSchema),
  routes: listOf(routeSchema),
  dns: v.nullish(v.record(v.string(), v.unknown()), {}),
});

export type ResultInterface = Readonly<v.InferOutput<typeof interfaceSchema>>;
export type ResultAddress = Readonly<v.InferOutput<typeof addressSchema>>;
export type ResultRoute = Readonly<v.InferOutput<typeof routeSchema>>;

/** The result of ADD as version 1.1.0 has it; older versions are a matter of parsing and rendering. */
export interface CniResult {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Readonly<Record<string, unknown>>;
}

export const EMPTY_RESULT: CniResult = { interfaces: [], ips: [], routes: [], dns: {} };

/**
 * Reads a result, or a `prevResult`, of any version that we speak.
 * @param assumedVersion the version of a result that names none: that of its network configuration
 * @throws CniError `decoding`, or `incompatible version`
 */
export function parseResult(value: unknown, assumedVersion: CniVersion): CniResult {
  const parsed = v.safeParse(resultSchema, value);
  if (!parsed.success)
    throw new CniError('decoding', {
      operation: 'read CNI result',
      message: describeIssues(parsed.issues),
    });
  parseCniVersion(parsed.output.cniVersion ?? assumedVersion);
  const { interfaces, ips, routes, dns } = parsed.output;
  return { interfaces, ips: ips.map(withoutVersion), routes, dns: dns ?? {} };
}

/** Versions before 1.0.0 repeat the family of an address beside it. */
function withoutVersion(address: ResultAddress): ResultAddress {
  const { version: _, ...rest } = address;
  return rest;
}

/** The result as the JSON object of one version: what that version does not know is left out. */
export function renderResult(result: CniResult, version: CniVersion): Readonly<Record<string, unknown>> {
  const withMtu = cniVersionAtLeast(version, '1.1.0');
  const withFamily = !cniVersionAtLeast(version, '1.0.0');
  return {
    cniVersion: version,
    interfaces: withMtu ? result.interfaces : result.interfaces.map(interfaceBefore110),
    ips: withFamily ? result.ips.map(withVersion) : result.ips,
    routes: withMtu ? result.routes : result.routes.map(routeBefore110),
    dns: result.dns,
  };
}

function interfaceBefore110({ mtu: _, socketPath: __, pciID: ___, ...rest }: ResultInterface): ResultInterface {
  return rest;
}

function routeBefore110(route: ResultRoute): ResultRoute {
  return route.gw === undefined ? { dst: route.dst } : { dst: route.dst, gw: route.gw };
}

function withVersion(address: ResultAddress): Readonly<Record<string, unknown>> {
  const family = tryParseAddress(address.address.split('/')[0] ?? '')?.family;
  return family === undefined ? address : { version: String(family), ...address };
}
