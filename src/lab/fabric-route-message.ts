import * as v from 'valibot';
import { formatAddress, parseAddress } from '../address/address.ts';
import { formatPrefix, parsePrefix } from '../address/prefix.ts';
import type { FabricRoute } from '../controller/fabric-driver.ts';
import { parseBySchema, parsedText } from '../error/schema.ts';

const schema = v.strictObject({
  name: v.string(),
  node: v.string(),
  prefix: parsedText(parsePrefix),
  nextHop: parsedText(parseAddress),
});

/** A route as it goes over the fabric's socket: addresses as text. */
export interface FabricRouteMessage {
  readonly name: string;
  readonly node: string;
  readonly prefix: string;
  readonly nextHop: string;
}

export function encodeFabricRoute({ name, node, prefix, nextHop }: FabricRoute): FabricRouteMessage {
  return { name, node, prefix: formatPrefix(prefix), nextHop: formatAddress(nextHop) };
}

/** Reads what encodeFabricRoute writes. @throws FlatnetError `invalid` */
export function parseFabricRoute(value: unknown): FabricRoute {
  return parseBySchema('read fabric route', schema, value);
}
