import { type Address, formatAddress, sameAddress, tryParseAddress } from '../address/address.ts';
import { defaultPrefix, formatPrefix, hostPrefix, prefixContains } from '../address/prefix.ts';
import type { Attachment } from './attachment.ts';
import { CniError } from './cni-error.ts';
import type { PodNetworkParameters } from './pod-network.ts';
import type { CniResult, ResultAddress } from './result.ts';

/** The result of ADD: what the plugins before made, and after it both ends of the pod's link, its addresses and routes. */
export function addToResult(
  previous: CniResult,
  attachment: Attachment,
  parameters: PodNetworkParameters,
  dns: Readonly<Record<string, unknown>>,
): CniResult {
  const { interfaceName, hostLink, mac, mtu, namespacePath, addresses } = attachment;
  const podInterface = previous.interfaces.length + 1;
  const gateways = addresses
    .map((address) => gatewayOf(address, parameters))
    .filter((gateway) => gateway !== undefined);
  return {
    interfaces: [
      ...previous.interfaces,
      { name: hostLink, mtu },
      { name: interfaceName, mac, mtu, sandbox: namespacePath },
    ],
    ips: [...previous.ips, ...addresses.map((address) => renderAddress(address, podInterface, parameters))],
    routes: [
      ...previous.routes,
      ...gateways.map((gateway) => ({
        dst: formatPrefix(defaultPrefix(gateway.family)),
        gw: formatAddress(gateway),
      })),
    ],
    dns: { ...previous.dns, ...dns },
  };
}

/** With the length that the interface bears: a host's own, but on a bridge, where the whole prefix is on the link. */
function renderAddress(address: Address, podInterface: number, parameters: PodNetworkParameters): ResultAddress {
  const { wiring, podPrefixes } = parameters;
  const onLink = wiring === 'bridge' ? podPrefixes.find((prefix) => prefixContains(prefix, address)) : undefined;
  const gateway = gatewayOf(address, parameters);
  return {
    address: formatPrefix({ address, length: (onLink ?? hostPrefix(address)).length }),
    ...(gateway !== undefined && { gateway: formatAddress(gateway) }),
    interface: podInterface,
  };
}

function gatewayOf(address: Address, { gateways }: PodNetworkParameters): Address | undefined {
  return gateways.find(({ family }) => family === address.family);
}

/** Compares the result that the runtime kept with what we know of the pod. @throws CniError `failed` */
export function checkResult(result: CniResult, attachment: Attachment): void {
  const { interfaceName, namespacePath, addresses } = attachment;
  const told = result.ips.map(({ address }) => tryParseAddress(address.split('/')[0] ?? ''));
  const missing = addresses.filter((address) => !told.some((other) => other && sameAddress(other, address)));
  if (missing.length > 0)
    throw difference(`has no address ${missing.map(formatAddress).join(', ')} of ${interfaceName}`);
  if (!result.interfaces.some(({ name, sandbox }) => name === interfaceName && sandbox === namespacePath))
    throw difference(`has no interface ${interfaceName} in ${namespacePath}`);
}

function difference(message: string): CniError {
  return new CniError('failed', {
    operation: 'CHECK',
    message: `prevResult ${message}`,
    remedy: 'delete the pod: its runtime and its node disagree about its network',
  });
}
