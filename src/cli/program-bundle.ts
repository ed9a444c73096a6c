import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, type Plugin } from 'esbuild';
import { projectDirectory } from '../kernel/project-directory.ts';

/** Where `bin/flatnet` looks for it. */
const DIRECTORY = path.join(projectDirectory(), 'build/program');

/**
 * Puts the program's modules into a few files: to find and load three hundred takes an agent a quarter of a second and twenty
 * megabytes. Files that commands share are many still, so the agent, of which a lab starts one for each host, has one of its
 * own. `bin/flatnet` takes them as long as no source that they were made from has changed since; without them the sources
 * run as they are.
 */
export async function bundleProgram(directory = DIRECTORY): Promise<void> {
  const project = projectDirectory();
  const scratch = `${directory}.${process.pid}`;
  mkdirSync(path.dirname(directory), { recursive: true });
  try {
    const inputs = await Promise.all([
      bundle(project, scratch, { main: 'src/cli/main.ts' }, [AGENT_APART]),
      bundle(project, scratch, { agent: 'src/cli/agent.ts' }),
    ]);
    const sources = [...new Set(inputs.flat())].filter((file) => !file.includes('node_modules/'));
    writeFileSync(path.join(scratch, INPUTS), JSON.stringify(sources.map((file) => stamp(project, file))));
    rmSync(directory, { recursive: true, force: true });
    renameSync(scratch, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Leaves the agent to a bundle of its own. */
const AGENT_APART: Plugin = {
  name: 'agent apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/agent\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './agent.mjs', external: true } : undefined,
    ),
};

/** @returns what was put together */
async function bundle(
  project: string,
  directory: string,
  entryPoints: Readonly<Record<string, string>>,
  plugins: readonly Plugin[] = [],
): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: project,
    entryPoints: { ...entryPoints },
    outdir: directory,
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
    plugins: [...plugins],
  });
  return Object.keys(metafile.inputs);
}

/** Read by `bin/flatnet`: of each source its name, and what changes with it. */
const INPUTS = 'inputs.json';

/** CommonJS packages within the bundle call it. */
const REQUIRE = `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);`;

function stamp(project: string, file: string): readonly [file: string, size: number, modified: number] {
  const { size, mtimeMs } = statSync(path.join(project, file));
  return [file, size, mtimeMs];
}
