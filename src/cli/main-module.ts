import path from 'node:path';

/** True where the modules run as they were written, and not bundled; see program-bundle.ts. */
export const RUNS_FROM_SOURCE = import.meta.filename.endsWith('.ts');

/** What Node runs to be this program: from its sources or from the bundle, as this process does. */
export function mainModule(): string {
  return path.join(import.meta.dirname, RUNS_FROM_SOURCE ? 'main.ts' : 'main.mjs');
}
