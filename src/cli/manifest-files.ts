import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { FlatnetError } from '../error/flatnet-error.ts';
import { parseYamlDocuments } from '../error/yaml.ts';

/** One document of a manifest. */
export interface ManifestDocument {
  /** File and place in it, for messages: `web.yaml (document 2)`. */
  readonly origin: string;
  readonly value: Readonly<Record<string, unknown>>;
}

const STANDARD_INPUT = 0;
const EXTENSIONS = new Set(['.yaml', '.yml', '.json']);

/**
 * All documents of manifests: files, directories (their .yaml, .yml and .json files, by name), or `-` for standard input;
 * lists, as `kubectl get -o yaml` prints them, stand for their items.
 * @throws FlatnetError `not-found` or `io` for what can't be read, `invalid` for what is no object
 */
export function readManifestFiles(files: readonly string[]): readonly ManifestDocument[] {
  return files.flatMap(filesOf).flatMap(readDocuments);
}

function filesOf(file: string): readonly string[] {
  if (file === '-') return [file];
  try {
    if (!statSync(file).isDirectory()) return [file];
    const names = readdirSync(file).filter((name) => EXTENSIONS.has(path.extname(name)));
    return names.sort().map((name) => path.join(file, name));
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function readDocuments(file: string): readonly ManifestDocument[] {
  const name = file === '-' ? 'standard input' : file;
  let text: string;
  try {
    text = readFileSync(file === '-' ? STANDARD_INPUT : file, 'utf8');
  } catch (cause) {
    throw unreadable(name, cause);
  }
  return parseYamlDocuments(`read ${name}`, text).flatMap((value, index) =>
    value === null ? [] : objectsOf(value, `${name} (document ${index + 1})`),
  );
}

function objectsOf(value: unknown, origin: string): readonly ManifestDocument[] {
  if (!isRecord(value) || typeof value.kind !== 'string' || typeof value.apiVersion !== 'string')
    throw new FlatnetError({
      operation: 'read manifests',
      code: 'invalid',
      message: `${origin} is no Kubernetes object: it has no apiVersion and kind`,
      remedy: 'write both, or remove the document',
    });
  if (!value.kind.endsWith('List') || !Array.isArray(value.items)) return [{ origin, value }];
  return value.items.flatMap((item, index) => objectsOf(item, `${origin}, items[${index}]`));
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(file: string, cause: unknown): FlatnetError {
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  return new FlatnetError({
    operation: 'read manifests',
    code: isMissing ? 'not-found' : 'io',
    message: isMissing ? `there is no ${file}` : `cannot read ${file}: ${(cause as Error).message}`,
    remedy: 'name a file, a directory, or - for standard input',
    cause,
  });
}
