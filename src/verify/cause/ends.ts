import type { Address } from '../../address/address.ts';
import { hostPrefix, type Prefix } from '../../address/prefix.ts';
import type { Site, SiteMap } from '../model/site.ts';
import { type Fault, rootOf } from './fault.ts';
import { rangeHolding } from './host-range.ts';

/** The range of a site's host that an address is of, or the address alone where there is none: of a node, say. */
export function rangeAround(map: SiteMap, site: Site, address: Address): Prefix {
  if (site.isRoot) return hostPrefix(address);
  return rangeHolding(map, rootOf(map, site), address)?.prefix ?? hostPrefix(address);
}

/** Where packets of a faulty way come from and go to, as wide as the hosts' ranges tell. */
export function endsOf({ map, sender, receiver, sent }: Fault): {
  readonly source: Prefix;
  readonly destination: Prefix;
} {
  return {
    source: rangeAround(map, sender, sent.source),
    destination: rangeAround(map, receiver, sent.destination),
  };
}
