import type { ResourceDefinition } from '../resource/resource-definition.ts';
import { findResource } from '../resource/resource-table.ts';

/** What a path of the API asks for. */
export type RequestTarget =
  | {
      readonly kind: 'resource';
      readonly definition: ResourceDefinition;
      /** '' for all namespaces, and for what has none. */
      readonly namespace: string;
      /** '' for the collection. */
      readonly name: string;
      /** `status`, `log`, …; '' for the object itself. */
      readonly subresource: string;
    }
  /** A resource that isn't stored: one that is only asked, or one that isn't served. */
  | { readonly kind: 'virtual'; readonly group: string; readonly version: string; readonly path: readonly string[] }
  | { readonly kind: 'other'; readonly path: string };

/** Reads a URL's path (undecoded). */
export function parseRequestTarget(pathname: string): RequestTarget {
  const segments = pathname
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeSegment);
  const [root, first = '', second = '', ...more] = segments;
  if (root === 'api' && segments.length > 2) return parseResource('', first, [second, ...more]);
  if (root === 'apis' && segments.length > 3) return parseResource(first, second, more);
  return { kind: 'other', path: pathname };
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function parseResource(group: string, version: string, path: readonly string[]): RequestTarget {
  const [first = '', second = '', third, ...more] = path;
  const inNamespace =
    first === 'namespaces' && third !== undefined && !isNamespaceSubresource(group, third, more.length);
  const namespace = inNamespace ? second : '';
  const [plural = '', name = '', subresource = '', ...below] = inNamespace ? [third, ...more] : path;
  const definition = findResource(group, version, plural);
  if (definition === undefined) return { kind: 'virtual', group, version, path };
  const misplaced = definition.namespaced ? !inNamespace && name !== '' : inNamespace;
  if (misplaced || (below.length > 0 && subresource !== 'proxy')) return { kind: 'virtual', group, version, path };
  return { kind: 'resource', definition, namespace, name, subresource };
}

/** `namespaces/NAME/status` is about the namespace, `namespaces/NAME/pods` about what is in it. */
function isNamespaceSubresource(group: string, segment: string, behind: number): boolean {
  return group === '' && behind === 0 && (segment === 'status' || segment === 'finalize');
}
