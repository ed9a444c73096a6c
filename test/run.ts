/**
 * Runs the tests in network, mount and PID namespaces of their own, as root or as an ordinary user.
 *
 *     node test/run.ts [FILE…] [-- OPTION OF node --test…]
 *     node test/run.ts PROGRAM [-- OPTION OF the program…]
 *
 * Without files: all. The inner half of it is the first process of those namespaces.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const PATTERNS = ['src/**/*.test.ts', 'test/**/*.test.ts'];
const OLDEST_NODE = 24;
/** Milliseconds after which a test that doesn't end fails: many times what the longest takes on a quiet machine. */
const TIMEOUT = 900_000;
const INSIDE = 'FLATNET_TEST_NAMESPACE';

function main(): void {
  const bundled = path.join(ROOT, 'node_modules/.bin/node');
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    if (!existsSync(bundled)) fail(`Node ${OLDEST_NODE} is needed, this is ${process.version}; run npm ci`);
    run(bundled, [import.meta.filename, ...process.argv.slice(2)]);
  } else if (process.env[INSIDE] === undefined) enterNamespaces();
  else runTests();
}

function enterNamespaces(): void {
  const isRoot = process.getuid?.() === 0;
  process.env[INSIDE] = '1';
  run('unshare', [
    ...(isRoot ? [] : ['--user', '--map-root-user']),
    ...['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc', '--'],
    ...[process.execPath, ...process.execArgv, import.meta.filename, ...process.argv.slice(2)],
  ]);
}

function runTests(): void {
  mount('-t', 'sysfs', 'sysfs', '/sys');
  mount('-t', 'tmpfs', 'tmpfs', '/run');
  mkdirSync('/run/netns');
  step('ip', ['link', 'set', 'lo', 'up']);
  const [files, options] = splitArguments(process.argv.slice(2));
  const all = PATTERNS.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).sort();
  process.env.PATH = `${path.dirname(process.execPath)}:${path.join(ROOT, 'node_modules/.bin')}:${process.env.PATH ?? ''}`;
  const [only] = files;
  if (files.length === 1 && only !== undefined && !only.endsWith('.test.ts')) {
    run(process.execPath, [only, ...options]);
    return;
  }
  const tests = files.length === 0 ? all : files;
  run(process.execPath, ['--test', '--test-concurrency=2', `--test-timeout=${TIMEOUT}`, ...options, ...tests]);
}

/** Files before `--`, options of Node's test runner after it. */
function splitArguments(given: readonly string[]): [string[], string[]] {
  const separator = given.indexOf('--');
  const files = separator < 0 ? given : given.slice(0, separator);
  return [
    files.map((file) => path.relative(ROOT, path.resolve(file))),
    separator < 0 ? [] : given.slice(separator + 1),
  ];
}

/** /sys shows the links of the namespace that it was mounted in. */
function mount(...options: string[]): void {
  step('mount', options);
}

function step(command: string, options: readonly string[]): void {
  const { status, error } = spawnSync(command, options, { stdio: 'inherit' });
  if (status !== 0) fail(`${command} ${options.join(' ')} failed: ${error?.message ?? `status ${status}`}`);
}

/** Runs what this process stands for; its end is ours. */
function run(command: string, options: readonly string[]): void {
  const child = spawn(command, options, { cwd: ROOT, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${command}: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 1;
    if (signal !== null) console.error(`${command} was ended by ${signal}`);
  });
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

main();
