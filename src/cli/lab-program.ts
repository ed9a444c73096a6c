import path from 'node:path';
import type { LabProgram } from '../lab/lab.ts';

const PROJECT = path.resolve(import.meta.dirname, '../..');

/** How a lab runs this same program. */
export function labProgram(): LabProgram {
  return {
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', path.join(import.meta.dirname, 'main.ts')],
    directories: [PROJECT, path.dirname(process.execPath)],
  };
}

/** The environment of a lab's own processes: what they need of the caller's, and nothing else of it. */
export function labEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const taken = Object.entries(environment).filter(
    ([name]) =>
      ['HOME', 'LANG', 'TERM', 'XDG_RUNTIME_DIR', 'NODE_COMPILE_CACHE'].includes(name) || name.startsWith('FLATNET_'),
  );
  return {
    ...Object.fromEntries(taken),
    // Programs of administrators, for ordinary users too.
    PATH: `${environment.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`,
  };
}
