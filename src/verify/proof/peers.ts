import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { type Bounds, holds, hull, pointAt } from '../model/bounds.ts';
import type { Participant } from './participant.ts';

/** Participants that nothing in their namespaces, nor in how they are wired, sets apart but their own addresses. */
export interface Peers {
  readonly kind: Participant['kind'];
  readonly members: readonly Participant[];
}

/** The address of a family under which others know a participant: there is at most one. */
export function addressIn({ addresses }: Participant, family: Family): Address | undefined {
  return addresses.find((address) => address.family === family);
}

/** Those whose address lies within bounds. */
export function membersIn({ members }: Peers, family: Family, bounds: Bounds): readonly Participant[] {
  return members.filter((member) => {
    const address = addressIn(member, family);
    return address !== undefined && holds(bounds, address.value);
  });
}

/** The smallest bounds that hold all of their addresses in a family; undefined where they have none. */
export function peersHull({ members }: Peers, family: Family): Bounds | undefined {
  let bounds: Bounds | undefined;
  for (const member of members) {
    const address = addressIn(member, family);
    if (address === undefined) continue;
    bounds = bounds === undefined ? pointAt(address.value) : hull(bounds, pointAt(address.value));
  }
  return bounds;
}
