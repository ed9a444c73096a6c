import { formatAddress } from '../../address/address.ts';
import type { Explanation } from './explanation.ts';
import type { Fault } from './fault.ts';

/** A pod that bears another address than the cluster knows it under. */
export function otherAddress({ evidence, map }: Fault): Explanation | undefined {
  if (evidence.kind !== 'other-address') return undefined;
  const { from, to } = evidence;
  const pod = to.isRoot ? from : to;
  const borne = pod.state.addresses
    .filter(({ scope, address }) => scope === 'global' && address.family === evidence.sent.source.family)
    .map(({ address }) => formatAddress(address));
  const bears = borne.length === 0 ? 'no address' : borne.join(', ');
  return {
    cause: 'a pod bears another address than the cluster knows it under',
    responsible: `${pod.name} bears ${bears} on ${map.find(`node/${pod.host}`)?.name ?? pod.host}`,
    remedy: `delete ${pod.name}, so that it is made anew`,
  };
}
