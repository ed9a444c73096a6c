import { type Address, formatAddress, sameAddress } from '../../address/address.ts';
import type { Site, SiteMap } from '../model/site.ts';
import type { Explanation } from './explanation.ts';
import type { Fault } from './fault.ts';

/** An address that two bear: packets end at the nearer one, and none comes in from the other. */
export function sharedAddress({ way, sender, receiver, sent, map }: Fault): Explanation | undefined {
  const { reason, at } = way;
  if (reason.kind === 'own-source') return explainShared(map, reason.source, [at, sender]);
  const isMisdelivered = way.verdict === 'delivered' && at !== receiver;
  if (!isMisdelivered || !bears(at, sent.destination) || !bears(receiver, sent.destination)) return undefined;
  return explainShared(map, sent.destination, [at, receiver]);
}

function explainShared(map: SiteMap, address: Address, pair: readonly Site[]): Explanation {
  const names = map.sites.filter((site) => bears(site, address) || pair.includes(site)).map(({ name }) => name);
  return {
    cause: 'two bear the same address: packets to it end at the nearer one, which takes none from the other',
    responsible: `${formatAddress(address)}: ${names.join(' and ')}`,
    remedy: 'give each an address of its own',
  };
}

function bears({ state }: Site, address: Address): boolean {
  return state.addresses.some((row) => sameAddress(row.address, address));
}
