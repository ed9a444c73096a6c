import * as v from 'valibot';
import { formatAddress, parseAddress } from '../address/address.ts';
import { parseMac } from '../address/mac.ts';
import { parseBySchema, parsedText } from '../error/schema.ts';
import type { Attachment } from './attachment.ts';

/**
 * How far an attachment has come. Only what is `attached` belongs to the node's plan; the other two are found at rest only
 * where a process died, or a step failed, and are taken down.
 */
export type AttachmentPhase = (typeof ATTACHMENT_PHASES)[number];

/** In their order. */
export const ATTACHMENT_PHASES = ['attaching', 'attached', 'detaching'] as const;

/** An attachment as it stands on disk. */
export interface AttachmentRecord {
  readonly phase: AttachmentPhase;
  /** Names the boot of the host that the pod lives in. */
  readonly boot: string;
  /** Device and inode of the pod's network namespace: paths come to name other ones. */
  readonly namespaceIdentity: string;
  /** While `attaching`, its addresses may not be reserved yet. */
  readonly attachment: Attachment;
}

const VERSION = 1;

const address = parsedText(parseAddress);

const bits = v.exactOptional(v.number());

const attachmentSchema = v.object({
  containerId: v.string(),
  interfaceName: v.string(),
  network: v.string(),
  namespacePath: v.string(),
  addresses: v.array(address),
  hostLink: v.string(),
  mac: parsedText(parseMac),
  wiring: v.picklist(['point-to-point', 'bridge']),
  mtu: v.number(),
  pod: v.exactOptional(
    v.object({ namespace: v.exactOptional(v.string()), name: v.string(), uid: v.exactOptional(v.string()) }),
  ),
  portMappings: v.array(
    v.object({
      hostPort: v.number(),
      containerPort: v.number(),
      protocol: v.picklist(['tcp', 'udp', 'sctp']),
      hostIP: v.exactOptional(address),
    }),
  ),
  bandwidth: v.exactOptional(v.object({ ingressRate: bits, ingressBurst: bits, egressRate: bits, egressBurst: bits })),
  allowSpoofing: v.exactOptional(v.boolean()),
});

const recordSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    version: v.literal(VERSION, `is not ${VERSION}: a newer version wrote it`),
    boot: v.string(),
    namespaceIdentity: v.string(),
    attachment: attachmentSchema,
  }),
);

/** The text of a record's file: JSON, addresses as text; the phase is left to the file's name. */
export function formatAttachmentRecord({ attachment, boot, namespaceIdentity }: AttachmentRecord): string {
  const content = {
    version: VERSION,
    boot,
    namespaceIdentity,
    attachment: {
      ...attachment,
      addresses: attachment.addresses.map(formatAddress),
      portMappings: attachment.portMappings.map(({ hostIP, ...mapping }) => ({
        ...mapping,
        ...(hostIP !== undefined && { hostIP: formatAddress(hostIP) }),
      })),
    },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Reads what formatAttachmentRecord wrote. @throws FlatnetError `invalid`, naming the field that is wrong */
export function parseAttachmentRecord(text: string, phase: AttachmentPhase): AttachmentRecord {
  const { version: _, ...record } = parseBySchema('read attachment', recordSchema, text);
  return { phase, ...record };
}
