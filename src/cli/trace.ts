import os from 'node:os';
import { SnapshotDirectory } from '../kernel/snapshot-directory.ts';
import { SiteMap } from '../verify/model/site.ts';
import { readSnapshot, type Snapshot } from '../verify/snapshot/read-snapshot.ts';
import { formatTrace, traceExitCode, trace as traceWay } from '../verify/trace.ts';
import { findSender, findTarget } from '../verify/trace-endpoint.ts';
import { type Command, OUTPUT_OPTION, parseArguments, parseCount, usageError, wantsJson } from './command.ts';
import { labSnapshot, thisHostSnapshot } from './live-dumps.ts';

/** Shows the way of a packet. */
export const trace: Command = {
  usage: `Usage: flatnet trace [--snapshot DIR | --lab NAME] FROM TO [--protocol tcp|udp|icmp] [--source-port N] [--why-not] [-o text|json]
Shows the way of a packet and of its answer, hop by hop and rule by rule: in hosts whose state was written down, in a running
lab, or, as root and with neither of them, in this host as it is now. Nothing is sent.
FROM is pod/NAMESPACE/NAME, node/NAME or netns/HOST/ID; TO is one of these with :PORT, svc/NAMESPACE/NAME:PORT, ADDRESS:PORT or
[V6]:PORT.

      --snapshot DIR     what flatnet collect, or its script, wrote on each host
      --lab NAME         a running lab
      --protocol NAME    tcp (default), udp or icmp
      --source-port N    32768 unless given
      --why-not          what stands in the way first, and what would let the packet pass; its way only with -v
  -v, --verbose          with --why-not: the way too
  -o, --output FORM      text or json
Exits 0 where it arrives and is answered, 1 where it isn't, 2 where that can't be told.`,
  async run(args) {
    const { values, positionals } = parseArguments(
      args,
      {
        snapshot: { type: 'string' },
        lab: { type: 'string' },
        protocol: { type: 'string', default: 'tcp' },
        'source-port': { type: 'string' },
        'why-not': { type: 'boolean', default: false },
        verbose: { type: 'boolean', short: 'v', default: false },
        ...OUTPUT_OPTION,
      },
      true,
    );
    const json = wantsJson(values.output);
    const [sender, target, more] = positionals;
    if (sender === undefined || target === undefined || more !== undefined)
      throw usageError('FROM and TO are needed, and nothing else');
    if (values.snapshot !== undefined && values.lab !== undefined)
      throw usageError('--snapshot and --lab are both given', 'look at one of them');
    const { protocol } = values;
    if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'icmp')
      throw usageError(`--protocol ${protocol} is not known`, 'use tcp, udp or icmp');
    const sourcePort =
      values['source-port'] === undefined ? undefined : parseCount('source-port', values['source-port'], 1, 65535);
    const { hosts, cluster } = await stateOf(values);
    const map = new SiteMap(hosts);
    const from = findSender(sender, map);
    const { address, port, meant } = findTarget(target, from, map, cluster);
    const outcomes =
      traceWay(map, {
        from,
        to: address,
        ...(meant !== undefined && { meant }),
        probe: {
          protocol,
          ...(port !== undefined && { port }),
          ...(sourcePort !== undefined && { sourcePort }),
        },
        ...(values['why-not'] && { whyNot: cluster === undefined ? {} : { cluster } }),
      }) ?? [];
    if (json) process.stdout.write(`${JSON.stringify({ outcomes })}\n`);
    else if (outcomes.length === 0) process.stdout.write(`${sender} has no way to begin\n`);
    else process.stdout.write(formatTrace(outcomes, values['why-not'] ? (values.verbose ? 'both' : 'why-not') : 'way'));
    return outcomes.length === 0 ? 1 : traceExitCode(outcomes);
  },
};

/** Where the state of hosts comes from: files, a lab, or this host's kernel. */
async function stateOf({ snapshot, lab }: { readonly snapshot?: string; readonly lab?: string }): Promise<Snapshot> {
  if (snapshot !== undefined) return readSnapshot(new SnapshotDirectory(snapshot));
  return readSnapshot(lab === undefined ? thisHostSnapshot(os.hostname()) : await labSnapshot(lab));
}
