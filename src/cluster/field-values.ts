import { type Address, tryParseAddress } from '../address/address.ts';
import { type Prefix, parseInterfaceAddress, prefixOf } from '../address/prefix.ts';
import type { TransportProtocol } from '../address/protocol.ts';
import { describeError, isFlatnetError } from '../error/flatnet-error.ts';
import type { FindingList } from './cluster-finding.ts';

/** The addresses of a field; what is none becomes a finding. */
export function addressesOf(texts: readonly string[], field: string, findings: FindingList): readonly Address[] {
  return texts.flatMap((text, index) => {
    const address = tryParseAddress(text);
    if (address === undefined) findings.add(`${field}[${index}]`, `${JSON.stringify(text)} is not an IP address`);
    return address === undefined ? [] : [address];
  });
}

/** The prefixes of a field, host bits cleared as kube-proxy does; what is none becomes a finding. */
export function prefixesOf(texts: readonly string[], field: string, findings: FindingList): readonly Prefix[] {
  return texts.flatMap((text, index) => {
    try {
      const { address, length } = parseInterfaceAddress(text.trim());
      return [prefixOf(address, length)];
    } catch (error) {
      if (!isFlatnetError(error)) throw error;
      findings.add(`${field}[${index}]`, describeError(error));
      return [];
    }
  });
}

/** The first of each family, in the order given. */
export function firstOfEachFamily<T>(values: readonly T[], addressOf: (value: T) => Address): readonly T[] {
  return values.filter(
    (value, index) => values.findIndex((other) => addressOf(other).family === addressOf(value).family) === index,
  );
}

const PROTOCOLS: Readonly<Record<string, TransportProtocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

/** A protocol as the API writes it, TCP where it is absent; undefined for one that we don't know. */
export function protocolOf(text: string | null | undefined): TransportProtocol | undefined {
  return PROTOCOLS[text ?? 'TCP'];
}

export function isPort(port: number | null | undefined): port is number {
  return Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65535;
}
