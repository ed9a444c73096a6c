import { FlatnetError } from '../../error/flatnet-error.ts';
import type { RuntimePod } from './pod-spec.ts';

/** What fieldRefs can be about beside the pod itself. */
export interface DownwardContext {
  readonly pod: RuntimePod;
  /** Of the pod, the first being its primary one. */
  readonly addresses: readonly string[];
  readonly hostAddresses: readonly string[];
}

/**
 * The value of a downward API field path, such as `metadata.name` or `metadata.labels['app']`.
 * @throws FlatnetError `unsupported` for a path that the downward API doesn't have
 */
export function downwardField(fieldPath: string, context: DownwardContext): string {
  const { metadata, spec } = context.pod;
  const [, kind, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath) ?? [];
  if (key !== undefined) return (kind === 'labels' ? metadata.labels : metadata.annotations)?.[key] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace;
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return renderPairs(metadata.labels);
    case 'metadata.annotations':
      return renderPairs(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.podIP':
      return context.addresses[0] ?? '';
    case 'status.podIPs':
      return context.addresses.join(',');
    case 'status.hostIP':
      return context.hostAddresses[0] ?? '';
    case 'status.hostIPs':
      return context.hostAddresses.join(',');
    default:
      throw new FlatnetError({
        operation: 'read pod field',
        code: 'unsupported',
        message: `fieldPath ${JSON.stringify(fieldPath)} is none of the downward API's`,
        remedy: 'use metadata.name, .namespace, .uid, .labels, .annotations, spec.nodeName, status.podIP or the like',
      });
  }
}

/** One `key="value"` a line, as files of a downwardAPI volume hold labels. */
function renderPairs(pairs: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(pairs ?? {})
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}
