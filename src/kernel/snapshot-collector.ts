import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { formatCheckSums } from '../host/dump/check-sum.ts';
import { COLLECTION, type CollectionStep, NAMESPACE_DIRECTORIES } from '../host/dump/collection.ts';
import { unlistedHeading } from '../host/dump/iptables-listing.ts';
import { filterHeading, parseTrafficControl } from '../host/dump/parse-traffic-control.ts';
import { NetworkNamespace } from './network-namespace.ts';

/** Most that one program may print: the rules of a large cluster take some hundred megabytes. */
const MOST_OUTPUT = 2 ** 30;

/** Runs a command and gives its output, or undefined where it isn't there or fails. */
type Run = (command: readonly string[]) => string | undefined;

/** The dumps of one network namespace, by the name of their file; those that nothing here can take are left out. */
export function collectDumps(namespace: NetworkNamespace): ReadonlyMap<string, string> {
  const dumps = new Map<string, string>();
  const run: Run = ([program = '', ...args]) => {
    const { status, stdout } = namespace.run(() =>
      spawnSync(program, args, { encoding: 'utf8', maxBuffer: MOST_OUTPUT, stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    return status === 0 ? stdout : undefined;
  };
  for (const { file, steps } of COLLECTION) {
    const outputs = steps.map((step) => runStep(step, run, namespace)).filter((output) => output !== undefined);
    if (outputs.length > 0) dumps.set(file, outputs.join(''));
  }
  return dumps.set('cksum.txt', formatCheckSums(dumps));
}

function runStep(step: CollectionStep, run: Run, namespace: NetworkNamespace): string | undefined {
  switch (step.kind) {
    case 'command':
      for (const command of step.alternatives) {
        const output = run(command);
        if (output !== undefined) return output;
      }
      return undefined;
    case 'file':
      return readKernelFile(step.path, namespace);
    case 'legacy-tables': {
      const tables = (readKernelFile(step.names, namespace) ?? '').split('\n').filter((name) => name !== '');
      if (tables.length === 0) return '';
      return run([step.program]) ?? `${unlistedHeading(tables)}\n`;
    }
    case 'traffic-filters': {
      const { rows } = parseTrafficControl(run(['tc', 'qdisc', 'show']) ?? '');
      const devices = rows.filter((row) => row.kind === 'other' && (row.name === 'clsact' || row.name === 'ingress'));
      const listings = devices.flatMap(({ device }) =>
        (['ingress', 'egress'] as const).map((direction) => {
          const filters = run(['tc', 'filter', 'show', 'dev', device, direction]) ?? '';
          return `${filterHeading(device, direction)}\n${filters}`;
        }),
      );
      return listings.join('');
    }
    default: {
      const never: never = step;
      return never;
    }
  }
}

/** A file below /proc/net as the namespace sees it. */
function readKernelFile(file: string, namespace: NetworkNamespace): string | undefined {
  const own = file.replace(/^\/proc\/net\//, '/proc/thread-self/net/');
  return namespace.run(() => (existsSync(own) ? readFileSync(own, 'utf8') : undefined));
}

/** The namespaces of containers on this host that runtimes keep handles on, each once, by name; the caller closes them. */
export function openContainerNamespaces(): ReadonlyMap<string, NetworkNamespace> {
  using own = NetworkNamespace.current();
  const seen = new Set([own.identity]);
  const found = new Map<string, NetworkNamespace>();
  for (const directory of NAMESPACE_DIRECTORIES)
    for (const name of existsSync(directory) ? readdirSync(directory).sort() : []) {
      const namespace = openIfAny(path.join(directory, name));
      if (namespace === undefined) continue;
      if (seen.has(namespace.identity) || found.has(name)) namespace.close();
      else found.set(name, namespace);
      seen.add(namespace.identity);
    }
  return found;
}

function openIfAny(file: string): NetworkNamespace | undefined {
  try {
    return NetworkNamespace.open(file);
  } catch (error) {
    if (isFlatnetError(error, 'not-found')) return undefined;
    throw error;
  }
}
