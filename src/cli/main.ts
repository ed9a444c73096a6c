import { enableCompileCache, flushCompileCache } from 'node:module';

// In NODE_COMPILE_CACHE, which bin/flatnet sets and all processes that it starts inherit.
enableCompileCache();
// A process that is killed writes nothing, so what it has compiled by now is written while it runs.
setTimeout(() => flushCompileCache(), 5_000).unref();

const { runProgram } = await import('./program.ts');
process.exitCode = await runProgram(process.argv.slice(2));
