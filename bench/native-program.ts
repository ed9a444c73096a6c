import { spawnSync } from 'node:child_process';
import path from 'node:path';

const COMPILERS = ['cc', 'gcc', 'clang'];

/**
 * Compiles one of the small C programs beside this file, which measure without counting themselves.
 * @returns its path; undefined where nothing compiles it
 */
export function compileProgram(name: 'cni-spawner' | 'round-trip', directory: string): string | undefined {
  const source = path.join(import.meta.dirname, 'native', `${name}.c`);
  const output = path.join(directory, name);
  const made = COMPILERS.some(
    (compiler) => spawnSync(compiler, ['-std=c11', '-O2', '-o', output, source], { stdio: 'ignore' }).status === 0,
  );
  return made ? output : undefined;
}
