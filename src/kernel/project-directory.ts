import { existsSync } from 'node:fs';
import path from 'node:path';

/**
 * The directory that the program is installed in, with its `package.json`: found from where this code lies, which is in
 * another folder of it once it is bundled.
 */
export function projectDirectory(from: string = import.meta.dirname): string {
  const above = path.dirname(from);
  if (above === from || existsSync(path.join(from, 'package.json'))) return from;
  return projectDirectory(above);
}
