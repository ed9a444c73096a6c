import type { Address } from '../../address/address.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { Packet } from './packet.ts';
import { sourceTowards } from './refusal.ts';
import type { Site } from './site.ts';

const SYN = 2;

/** A packet as a program in a namespace would begin to speak: its source as the kernel selects it, unless it is given. */
export function firstPacket(
  site: Site,
  destination: Address,
  given: Pick<Packet, 'protocol'> & Partial<Packet>,
): Packet | undefined {
  const source = given.source ?? sourceTowards(site, destination);
  if (source === undefined) return undefined;
  const isTcp = given.protocol === PROTOCOL_NUMBERS.tcp;
  return {
    destination,
    length: 60,
    hopLimit: 64,
    dontFragment: true,
    ...(isTcp && { tcpFlags: SYN }),
    ...given,
    source,
  };
}
