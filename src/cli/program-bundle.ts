import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { projectDirectory } from '../kernel/project-directory.ts';

/** Where `bin/flatnet` looks for it. */
const DIRECTORY = path.join(projectDirectory(), 'build/program');

/**
 * Puts the program's modules into a few files: to find and load three hundred takes an agent a quarter of a second and twenty
 * megabytes. `bin/flatnet` takes them as long as no source that they were made from has changed since; without them the
 * sources run as they are.
 */
export async function bundleProgram(directory = DIRECTORY): Promise<void> {
  const project = projectDirectory();
  const scratch = `${directory}.${process.pid}`;
  mkdirSync(path.dirname(directory), { recursive: true });
  try {
    const { metafile } = await build({
      absWorkingDir: project,
      entryPoints: { main: 'src/cli/main.ts' },
      outdir: scratch,
      bundle: true,
      splitting: true,
      metafile: true,
      platform: 'node',
      format: 'esm',
      target: 'node24',
      // native code, and what looks for its own files
      external: ['koffi', 'esbuild'],
      banner: { js: REQUIRE },
      outExtension: { '.js': '.mjs' },
      logLevel: 'error',
    });
    const sources = Object.keys(metafile.inputs).filter((file) => !file.includes('node_modules/'));
    writeFileSync(path.join(scratch, INPUTS), JSON.stringify(sources.map((file) => stamp(project, file))));
    rmSync(directory, { recursive: true, force: true });
    renameSync(scratch, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Read by `bin/flatnet`: of each source its name, and what changes with it. */
const INPUTS = 'inputs.json';

/** CommonJS packages within the bundle call it. */
const REQUIRE = `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);`;

function stamp(project: string, file: string): readonly [file: string, size: number, modified: number] {
  const { size, mtimeMs } = statSync(path.join(project, file));
  return [file, size, mtimeMs];
}
