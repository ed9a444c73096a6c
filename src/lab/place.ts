import { FlatnetError } from '../error/flatnet-error.ts';

/** Where in a lab something runs. */
export type Place =
  | { readonly kind: 'fabric' }
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string; readonly container?: string };

const POD = /^(?:pod\/)?([a-z0-9-]+)\/([a-z0-9.-]+)(?::([a-z0-9-]+))?$/;

/**
 * Parses `node/NAME`, `internet`, `fabric`, or a pod: `NAMESPACE/NAME`, `NAMESPACE/NAME:CONTAINER`; `pod/` may stand
 * before it, and must where the namespace is called `node`. @throws FlatnetError `usage`
 */
export function parsePlace(text: string): Place {
  if (text === 'fabric') return { kind: 'fabric' };
  if (text === 'internet') return { kind: 'host', name: text };
  const host = /^node\/([a-z0-9.-]+)$/.exec(text)?.[1];
  if (host !== undefined) return { kind: 'host', name: host };
  const [, namespace, name, container] = POD.exec(text) ?? [];
  if (namespace !== undefined && name !== undefined)
    return { kind: 'pod', namespace, name, ...(container !== undefined && { container }) };
  throw new FlatnetError({
    operation: 'find place',
    code: 'usage',
    message: `${JSON.stringify(text)} names no place in a lab`,
    remedy: 'use node/NAME, NAMESPACE/POD, NAMESPACE/POD:CONTAINER, internet or fabric',
  });
}

/** The text that parsePlace reads. */
export function formatPlace(place: Place): string {
  switch (place.kind) {
    case 'fabric':
      return 'fabric';
    case 'host':
      return place.name === 'internet' ? place.name : `node/${place.name}`;
    case 'pod':
      return `pod/${place.namespace}/${place.name}${place.container === undefined ? '' : `:${place.container}`}`;
    default:
      return place satisfies never;
  }
}
