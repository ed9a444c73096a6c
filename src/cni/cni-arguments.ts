import { type Address, parseAddress } from '../address/address.ts';
import { type Mac, parseMac } from '../address/mac.ts';
import type { Attachment } from './attachment.ts';
import { CniError } from './cni-error.ts';

/** What CNI_ARGS may say, in any order. */
export interface CniArguments {
  /** K8S_POD_NAMESPACE, K8S_POD_NAME and K8S_POD_UID. */
  readonly pod?: NonNullable<Attachment['pod']>;
  /** IP: addresses asked for. */
  readonly addresses: readonly Address[];
  /** MAC: of the pod's interface. */
  readonly mac?: Mac;
}

const KNOWN = new Set([
  'IgnoreUnknown',
  'IP',
  'MAC',
  'K8S_POD_NAMESPACE',
  'K8S_POD_NAME',
  'K8S_POD_UID',
  'K8S_POD_INFRA_CONTAINER_ID',
]);

/**
 * Reads `KEY=VALUE;KEY=VALUE`. Keys that are not known are an error unless IgnoreUnknown says otherwise.
 * @throws CniError `invalid environment`
 */
export function parseCniArguments(text: string): CniArguments {
  const pairs = new Map(
    text === ''
      ? []
      : text
          .split(';')
          .filter((pair) => pair !== '')
          .map(parsePair),
  );
  const unknown = [...pairs.keys()].filter((key) => !KNOWN.has(key));
  if (unknown.length > 0 && !isTrue(pairs.get('IgnoreUnknown')))
    throw invalid(`CNI_ARGS has unknown keys: ${unknown.join(', ')}`, 'leave them out, or add IgnoreUnknown=1');
  const mac = pairs.get('MAC');
  const pod = podOf(pairs);
  return {
    addresses: (pairs.get('IP') ?? '')
      .split(',')
      .filter((part) => part !== '')
      .map(addressOf),
    ...(mac !== undefined && { mac: parseMac(mac) }),
    ...(pod !== undefined && { pod }),
  };
}

/** `ADDRESS` or `ADDRESS/LENGTH`, the length being our own business. */
export function addressOf(text: string): Address {
  return parseAddress(text.split('/')[0] ?? '');
}

function parsePair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
  throw invalid(`CNI_ARGS has ${JSON.stringify(pair)}`, 'write KEY=VALUE;KEY=VALUE');
}

function podOf(pairs: ReadonlyMap<string, string>): CniArguments['pod'] {
  const name = pairs.get('K8S_POD_NAME') ?? '';
  if (name === '') return undefined;
  const namespace = pairs.get('K8S_POD_NAMESPACE') ?? '';
  const uid = pairs.get('K8S_POD_UID') ?? '';
  return { name, ...(namespace !== '' && { namespace }), ...(uid !== '' && { uid }) };
}

function isTrue(text: string | undefined): boolean {
  return text === '1' || text?.toLowerCase() === 'true';
}

function invalid(message: string, remedy: string): CniError {
  return new CniError('invalid environment', { operation: 'read CNI environment', message, remedy });
}
