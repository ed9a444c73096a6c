import type { PodTemplate } from '../../kube/objects/pod.ts';

/** The alphabet of generated names: no vowels, and nothing that looks like another (apimachinery `rand`). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** A short name for a template: the same for the same content, whatever the order of its fields. */
export function templateHash(template: PodTemplate | undefined, collisions = 0): string {
  const text = `${canonicalJson(template)} ${collisions}`;
  // FNV-1a, 32 bits (draft-eastlake-fnv).
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return String(hash).replace(/\d/g, (digit) => ALPHABET[Number(digit)] ?? digit);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}
