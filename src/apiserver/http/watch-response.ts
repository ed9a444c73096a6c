import type { ServerResponse } from 'node:http';
import { readRevision } from '../registry/list.ts';
import type { RegistryContext } from '../registry/registry-context.ts';
import type { Selection } from '../registry/selection.ts';
import { type SelectedEvent, watchObjects } from '../registry/watch.ts';
import { apiVersionOf } from '../resource/resource-definition.ts';
import type { StoredObject } from '../store/stored-object.ts';
import { type ObjectRendering, renderObject } from './object-response.ts';
import { flag, wholeNumber } from './query.ts';
import { asStatusError } from './respond.ts';

/** A watcher that lets this much lie unread is cut off, and lists again. Bytes. */
const BACKLOG_LIMIT = 64 * 1024 * 1024;
/** How long a watch lives that doesn't say: between once and twice this, so that they don't all end together. Seconds. */
const MINIMUM_LIFETIME = 1800;
const BOOKMARK_INTERVAL = 60_000;

/** Lines of plain watch events, which many watchers of one resource share. */
const SHARED_LINES = new WeakMap<StoredObject, Map<string, Buffer>>();

/** Answers with a stream of watch events until the client goes, time is up, or the signal aborts. */
export function sendWatch(
  response: ServerResponse,
  context: RegistryContext,
  selection: Selection,
  rendering: ObjectRendering,
  query: URLSearchParams,
  signal: AbortSignal,
): void {
  const given = query.get('resourceVersion') ?? '';
  const revision = given === '' ? undefined : readRevision(given);
  const bookmarks = flag(query, 'allowWatchBookmarks');
  const sendInitialEvents = flag(query, 'sendInitialEvents');
  const seconds = wholeNumber(query, 'timeoutSeconds') ?? MINIMUM_LIFETIME * (1 + Math.random());
  let described = false;
  const send = ({ type, object }: SelectedEvent): void => {
    if (response.destroyed) return;
    response.write(eventLine(rendering, type, object, !described));
    described = true;
    if (response.writableLength > BACKLOG_LIMIT) response.destroy();
  };
  const start = (): ReturnType<typeof watchObjects> | undefined => {
    try {
      return watchObjects(context, selection, { revision, sendInitialEvents }, send);
    } catch (error) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: asStatusError(error).toStatus() })}\n`);
      return undefined;
    }
  };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const watch = start();
  if (watch === undefined) return;
  const bookmark = (initial: boolean): void => {
    if (!response.destroyed) response.write(bookmarkLine(rendering, context.store.revision, initial));
  };
  if (bookmarks && sendInitialEvents) bookmark(true);
  const bookmarkTimer = bookmarks ? setInterval(bookmark, BOOKMARK_INTERVAL, false) : undefined;
  const end = (): void => {
    if (bookmarks) bookmark(false);
    response.end();
  };
  const endTimer = setTimeout(end, Math.max(seconds, 1) * 1000);
  signal.addEventListener('abort', end, { once: true });
  response.on('close', () => {
    watch.stop();
    clearInterval(bookmarkTimer);
    clearTimeout(endTimer);
    signal.removeEventListener('abort', end);
  });
}

function eventLine(
  rendering: ObjectRendering,
  type: SelectedEvent['type'],
  object: StoredObject,
  withDefinitions: boolean,
): Buffer {
  if (rendering.format.as === 'table') {
    return Buffer.from(`{"type":"${type}","object":${renderObject(rendering, object, withDefinitions)}}\n`);
  }
  const key = `${type} ${rendering.format.as} ${apiVersionOf(rendering.definition)}`;
  const lines = SHARED_LINES.get(object) ?? new Map<string, Buffer>();
  const found = lines.get(key);
  if (found !== undefined) return found;
  const line = Buffer.from(`{"type":"${type}","object":${renderObject(rendering, object)}}\n`);
  lines.set(key, line);
  SHARED_LINES.set(object, lines);
  return line;
}

function bookmarkLine(rendering: ObjectRendering, revision: number, initial: boolean): string {
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
  const { definition, format } = rendering;
  const object =
    format.as === 'table'
      ? { kind: 'Table', apiVersion: `meta.k8s.io/${format.version}`, metadata, columnDefinitions: [], rows: null }
      : { kind: definition.kind, apiVersion: apiVersionOf(definition), metadata };
  return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`;
}
