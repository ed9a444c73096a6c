import { createHash } from 'node:crypto';
import type { AttachmentKey } from './attachment-store.ts';

/** 44 bits of a hash: with `veth` before them, the 15 bytes that a link's name may have. */
const HASH_DIGITS = 11;

/**
 * The name of the host's end of a pod's veth pair: the same for the same interface, and another for any other on the node.
 * @param isTaken whether another pod's host link bears the name
 */
export function deriveHostLink(key: AttachmentKey, isTaken: (name: string) => boolean = () => false): string {
  for (let attempt = 0; ; attempt++) {
    const hash = createHash('sha256').update(`${key.containerId}\0${key.interfaceName}\0${attempt}`).digest('hex');
    const name = `veth${hash.slice(0, HASH_DIGITS)}`;
    if (!isTaken(name)) return name;
  }
}
