import type { PayloadField, TableFamily } from '../../netfilter/node.ts';
import type { HeaderDependency, HeaderName } from '../../netfilter/payload-field.ts';
import { PAYLOAD_FIELDS } from '../../netfilter/payload-field.ts';
import type { KernelExpression } from './kernel-expression.ts';
import { PAYLOAD_BASES } from './kernel-number.ts';

const NETWORK_HEADERS: Readonly<Record<string, HeaderName>> = {
  'nfproto 2': 'ip',
  'nfproto 10': 'ip6',
  'protocol 2048': 'ip',
  'protocol 34525': 'ip6',
  'protocol 2054': 'arp',
};
const TRANSPORT_HEADERS: Readonly<Record<string, HeaderName>> = {
  'l4proto 6': 'tcp',
  'l4proto 1': 'icmp',
  'l4proto 58': 'icmpv6',
};

/** The headers that may stand at a place of packets of which some facts are known. */
function headersAt(base: number, family: TableFamily, facts: readonly HeaderDependency[]): readonly HeaderName[] {
  const known = facts.map(({ key, value }) => `${key} ${value}`);
  if (base === PAYLOAD_BASES.link) return ['ether'];
  if (base === PAYLOAD_BASES.network) {
    if (family === 'ip' || family === 'ip6' || family === 'arp') return [family];
    return known.flatMap((fact) => NETWORK_HEADERS[fact] ?? []);
  }
  return ['th', ...known.flatMap((fact) => TRANSPORT_HEADERS[fact] ?? [])];
}

const FIELDS = Object.keys(PAYLOAD_FIELDS) as PayloadField[];

/**
 * The field that an instruction loads or writes, by what is known of the packet's headers; undefined where none fits. Of
 * an address the first bytes are enough: that is how nft asks for prefixes of whole bytes.
 */
export function fieldAt(
  { base, offset, length }: Extract<KernelExpression, { name: 'payload' | 'payload-write' }>,
  family: TableFamily,
  facts: readonly HeaderDependency[],
): PayloadField | undefined {
  const headers = headersAt(base, family, facts);
  return FIELDS.find((name) => {
    const field = PAYLOAD_FIELDS[name];
    if (!headers.includes(field.header) || PAYLOAD_BASES[field.base] !== base) return false;
    const prefix = field.type === 'ipv4_addr' || field.type === 'ipv6_addr';
    return field.offset === offset && (field.bytes === length || (prefix && length < field.bytes && length > 0));
  });
}
