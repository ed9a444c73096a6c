import os from 'node:os';
import { renderCollectScript } from '../host/dump/collect-script.ts';
import { NetworkNamespace } from '../kernel/network-namespace.ts';
import { collectDumps, openContainerNamespaces } from '../kernel/snapshot-collector.ts';
import { writeHostSnapshot } from '../kernel/snapshot-directory.ts';
import { type Command, parseArguments, usageError } from './command.ts';

/** Writes down the network state of this host. */
export const collect: Command = {
  usage: `Usage: flatnet collect [-o DIR] [--host NAME]
       flatnet collect --script
Writes the network state of this host, and of its pods' namespaces, into DIR/NAME. Gather the directories of all hosts in one,
and put beside them what kubectl prints, so that pods have names:
    kubectl get nodes,pods,services,endpointslices,networkpolicies -A -o json > DIR/cluster.json

  -o, --output DIR  flatnet-snapshot unless given
      --host NAME   the name of this host's node; the host's own name unless given
      --script      print a shell script that does the same where there is no flatnet`,
  async run(args) {
    const { values } = parseArguments(args, {
      output: { type: 'string', short: 'o', default: 'flatnet-snapshot' },
      host: { type: 'string', default: os.hostname() },
      script: { type: 'boolean', default: false },
    });
    if (!/^[\w.-]+$/.test(values.host) || values.host.startsWith('.'))
      throw usageError(`--host ${values.host} is no name of a host`, 'use letters, digits, dots and dashes');
    if (values.script) process.stdout.write(renderCollectScript());
    else process.stdout.write(`${writeHostSnapshot(values.output, values.host, collectHost())}\n`);
    return 0;
  },
};

/** The dumps of this host's namespace and of its containers', one namespace in memory at a time. */
function* collectHost(): Generator<readonly [string, string]> {
  using own = NetworkNamespace.current();
  yield* collectDumps(own);
  const containers = openContainerNamespaces();
  try {
    for (const [name, namespace] of containers)
      for (const [file, text] of collectDumps(namespace)) yield [`netns/${name}/${file}`, text];
  } finally {
    for (const namespace of containers.values()) namespace.close();
  }
}
