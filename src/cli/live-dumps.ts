import { FlatnetError } from '../error/flatnet-error.ts';
import { NetworkNamespace } from '../kernel/network-namespace.ts';
import { collectDumps, openContainerNamespaces } from '../kernel/snapshot-collector.ts';
import type { CollectedDump } from '../lab/lab-collection.ts';
import { connectToLab } from './lab-connection.ts';

/** The dumps of this host's namespace and, where they are asked for, of its containers', one namespace in memory at a time. */
export function* hostDumps(containersToo: boolean): Generator<readonly [string, string]> {
  using own = NetworkNamespace.current();
  yield* collectDumps(own);
  if (!containersToo) return;
  const containers = openContainerNamespaces();
  try {
    for (const [name, namespace] of containers)
      for (const [file, text] of collectDumps(namespace)) yield [`netns/${name}/${file}`, text];
  } finally {
    for (const namespace of containers.values()) namespace.close();
  }
}

/** A snapshot of this host alone, by the kernel as it is now. @throws FlatnetError `permission` for anybody but root */
export function thisHostSnapshot(host: string): ReadonlyMap<string, string> {
  if (process.getuid?.() !== 0)
    throw new FlatnetError({
      operation: 'look at this host',
      code: 'permission',
      message: 'only root sees all of its rules, and the namespaces of its containers',
      remedy: 'run it as root, or name a snapshot (--snapshot DIR) or a lab (--lab NAME)',
    });
  return new Map(Array.from(hostDumps(true), ([file, text]) => [`${host}/${file}`, text]));
}

/** A snapshot of all hosts of a running lab. @throws FlatnetError `not-found` where it doesn't run */
export async function labSnapshot(name: string): Promise<ReadonlyMap<string, string>> {
  const dumps = new Map<string, string>();
  using lab = await connectToLab(name);
  await lab.request(
    'collect',
    {},
    {
      onEvent: (event) => {
        const { file, text } = event as CollectedDump;
        dumps.set(file, text);
      },
    },
  );
  return dumps;
}
