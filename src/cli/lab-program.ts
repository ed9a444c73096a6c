import path from 'node:path';
import { projectDirectory } from '../kernel/project-directory.ts';
import type { LabProgram } from '../lab/lab.ts';
import { mainModule } from './main-module.ts';

/** How a lab runs this same program. */
export function labProgram(): LabProgram {
  return {
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', mainModule()],
    directories: [projectDirectory(), path.dirname(process.execPath)],
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
