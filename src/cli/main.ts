import { enableCompileCache, flushCompileCache } from 'node:module';
import { compileCacheDirectory } from './compile-cache.ts';

enableCompileCache(compileCacheDirectory(process.env));
// A process that is killed writes nothing, so what it has compiled by now is written while it runs.
setTimeout(() => flushCompileCache(), 5_000).unref();

const { runProgram } = await import('./program.ts');
process.exitCode = await runProgram(process.argv.slice(2));
