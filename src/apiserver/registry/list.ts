import { storageDefinition } from '../resource/resource-table.ts';
import { pinnedValue } from '../selector/field-selector.ts';
import { badRequest, expired, StatusError } from '../status-error.ts';
import type { Collection } from '../store/collection.ts';
import { objectKey, type StoredObject } from '../store/stored-object.ts';
import type { RegistryContext } from './registry-context.ts';
import { type Selection, scopeOf, selects } from './selection.ts';

export interface ListOptions {
  /** 0 is no limit. */
  readonly limit: number;
  /** What an earlier page gave. */
  readonly continueToken: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
}

export interface ObjectList {
  readonly revision: number;
  readonly items: readonly StoredObject[];
  /** '' on the last page. */
  readonly continueToken: string;
  /** How many are left after this page; undefined where a selector makes it unknown. */
  readonly remaining?: number;
}

/** Revisions that a `continue` token lives, in milliseconds-worth of writes: none, pages show the present state. */
interface ContinueToken {
  readonly revision: number;
  readonly after: string;
}

/**
 * The selected objects in key order. Pages after the first show the present state from where the last one ended, under
 * the first page's revision, so that a watch from there misses nothing.
 * @throws StatusError 400 for a bad token or revision, 410 for a token older than the history, 504 for a revision to come.
 */
export function listObjects(context: RegistryContext, selection: Selection, options: ListOptions): ObjectList {
  const collection = context.store.collection(storageDefinition(selection.definition.storage));
  checkRevision(context, options);
  const token = options.continueToken === '' ? undefined : readToken(collection, options.continueToken);
  const revision = token?.revision ?? context.store.revision;
  const items: StoredObject[] = [];
  for (const object of candidates(collection, selection, token?.after ?? '')) {
    if (!selects(selection, object)) continue;
    if (options.limit > 0 && items.length === options.limit) {
      const after = items[items.length - 1]?.key ?? '';
      return {
        revision,
        items,
        continueToken: formatToken({ revision, after }),
        ...rest(collection, selection, after),
      };
    }
    items.push(object);
  }
  return { revision, items, continueToken: '' };
}

function candidates(collection: Collection, selection: Selection, after: string): Iterable<StoredObject> {
  const name = pinnedValue(selection.fields, 'metadata.name');
  if (name !== undefined && (selection.namespace !== '' || !selection.definition.namespaced)) {
    const only = collection.get(objectKey(selection.namespace, name));
    return only === undefined || only.key <= after ? [] : [only];
  }
  const { indexed } = scopeOf(selection);
  const found = indexed === undefined ? undefined : collection.listIndexed(indexed);
  if (found === undefined) return collection.list(selection.namespace, after);
  return after === '' ? found : found.filter((object) => object.key > after);
}

function rest(collection: Collection, selection: Selection, after: string): { remaining?: number } {
  if (selection.labels.length > 0 || selection.fields.length > 0) return {};
  let remaining = 0;
  for (const _ of collection.list(selection.namespace, after)) remaining += 1;
  return { remaining };
}

function checkRevision(context: RegistryContext, options: ListOptions): void {
  const { resourceVersion, resourceVersionMatch } = options;
  if (resourceVersionMatch !== '' && resourceVersion === '') {
    throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (resourceVersion === '') return;
  const revision = readRevision(resourceVersion);
  if (revision > context.store.revision) {
    throw new StatusError(
      504,
      'Timeout',
      `Too large resource version: ${revision}, current: ${context.store.revision}`,
      {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      },
    );
  }
  if (resourceVersionMatch === 'Exact' && revision !== context.store.revision) {
    throw expired('The provided resource version is too old: only the present state is kept');
  }
}

/** @throws StatusError 400 where `text` is no revision. */
export function readRevision(text: string): number {
  if (!/^\d{1,20}$/.test(text))
    throw badRequest(`Invalid value: ${JSON.stringify(text)}: resourceVersion must be a number`);
  return Number(text);
}

function formatToken(token: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: token.revision, start: token.after })).toString(
    'base64url',
  );
}

function readToken(collection: Collection, text: string): ContinueToken {
  const token = parseToken(text);
  if (token === undefined) throw badRequest('continue key is not valid');
  if (token.revision < collection.history.forgotten) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
    );
  }
  return token;
}

function parseToken(text: string): ContinueToken | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (typeof read !== 'object' || read === null || !('rv' in read) || !('start' in read)) return undefined;
    const { rv, start } = read;
    return typeof rv === 'number' && typeof start === 'string' ? { revision: rv, after: start } : undefined;
  } catch {
    return undefined;
  }
}
