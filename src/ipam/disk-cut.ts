/** Death at any instant, for tests of what is left on disk. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const MUTATIONS = [
  'mkdirSync',
  'fchmodSync',
  'ftruncateSync',
  'writeFileSync',
  'writeSync',
  'linkSync',
  'unlinkSync',
  'renameSync',
] as const;

/**
 * Runs an action that is cut off before its `survived + 1`-th change to the disk: from there on no change happens, those
 * of cleanups included, just as if the process had been killed. Opening a file is what a writer does first; the file that
 * it leaves is covered by the cut before the write.
 * @returns whether the action got to its end
 */
export async function runCutOff(survived: number, action: () => Promise<unknown>): Promise<boolean> {
  let changes = 0;
  const originals = MUTATIONS.map((name) => [name, fs[name]] as const);
  for (const [name, original] of originals) {
    const cut = (...values: unknown[]): unknown => {
      if (changes++ >= survived) throw new Error('the process is dead');
      return Reflect.apply(original, fs, values);
    };
    Object.assign(fs, { [name]: cut });
  }
  syncBuiltinESMExports();
  try {
    await action();
    return true;
  } catch {
    return false;
  } finally {
    for (const [name, original] of originals) Object.assign(fs, { [name]: original });
    syncBuiltinESMExports();
  }
}
