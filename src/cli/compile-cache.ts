import { accessSync, constants, mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const PROJECT = path.resolve(import.meta.dirname, '../..');

/**
 * Where Node keeps compiled modules between runs: what NODE_COMPILE_CACHE says, else beside the dependencies, else, where
 * the program belongs to somebody else, in the user's own cache.
 */
export function compileCacheDirectory(environment: NodeJS.ProcessEnv): string {
  if (environment.NODE_COMPILE_CACHE !== undefined) return environment.NODE_COMPILE_CACHE;
  const shared = path.join(PROJECT, 'node_modules', '.cache', 'flatnet');
  try {
    mkdirSync(shared, { recursive: true });
    accessSync(shared, constants.W_OK);
    return shared;
  } catch {
    return path.join(environment.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'flatnet');
  }
}
