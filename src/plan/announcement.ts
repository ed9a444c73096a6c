import * as v from 'valibot';
import { formatPrefix, type InterfaceAddress, parseInterfaceAddress } from '../address/prefix.ts';
import type { BackendName } from '../cluster/cluster-configuration.ts';
import { parsedText } from '../error/schema.ts';
import { parseFlannelAnnotations, type TunnelEndpoint } from './flannel-annotation.ts';

/** Node annotation by which our own nodes say what flannel's annotations have no words for. */
export const BACKEND_ANNOTATION = 'flatnet.io/backend';

/** What a node of ours says of itself. */
export interface BackendAnnouncement {
  readonly backend: BackendName;
  /** Its InternalIPs with the prefix lengths of the subnets that it sees them on: the other side of `on a shared subnet`. */
  readonly subnets: readonly InterfaceAddress[];
  /** MTU of its pods in bytes. */
  readonly mtu: number;
}

/** Everything that a node has announced. */
export interface Announcement {
  /** Whose words they are; `nobody` where there are none. */
  readonly by: 'flatnet' | 'flannel' | 'nobody';
  /** `auto`, `host-gw`, `vxlan`, `cloud`, or flannel's name of another. */
  readonly backend?: string;
  readonly subnets: readonly InterfaceAddress[];
  readonly mtu?: number;
  readonly endpoints: readonly TunnelEndpoint[];
}

const schema = v.object({
  backend: v.picklist(['auto', 'host-gw', 'vxlan', 'cloud']),
  subnets: v.array(parsedText(parseInterfaceAddress)),
  mtu: v.number(),
});

/** The value of the annotation: JSON. */
export function formatBackendAnnouncement({ backend, subnets, mtu }: BackendAnnouncement): string {
  return JSON.stringify({ backend, subnets: subnets.map(formatPrefix), mtu });
}

/** Undefined for a value that isn't one of ours. */
export function parseBackendAnnouncement(text: string): BackendAnnouncement | undefined {
  try {
    const parsed = v.safeParse(schema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** What a node's annotations say, ours and flannel's together. */
export function parseAnnouncement(annotations: Readonly<Record<string, string>>): Announcement {
  const text = annotations[BACKEND_ANNOTATION];
  const own = text === undefined ? undefined : parseBackendAnnouncement(text);
  const flannel = parseFlannelAnnotations(annotations);
  const endpoints = flannel?.endpoints ?? [];
  if (own !== undefined) return { by: 'flatnet', ...own, endpoints };
  if (flannel !== undefined) return { by: 'flannel', backend: flannel.type, subnets: [], endpoints };
  return { by: 'nobody', subnets: [], endpoints: [] };
}
