import { SnapshotDirectory } from '../kernel/snapshot-directory.ts';
import { SiteMap } from '../verify/model/site.ts';
import { readSnapshot } from '../verify/snapshot/read-snapshot.ts';
import { formatTrace, traceExitCode, trace as traceWay } from '../verify/trace.ts';
import { findSender, findTarget } from '../verify/trace-endpoint.ts';
import { type Command, OUTPUT_OPTION, parseArguments, parseCount, usageError, wantsJson } from './command.ts';

/** Shows the way of a packet. */
export const trace: Command = {
  usage: `Usage: flatnet trace --snapshot DIR FROM TO [--protocol tcp|udp|icmp] [--source-port N] [-o text|json]
Shows the way of a packet and of its answer, hop by hop and rule by rule, in hosts whose state was written down.
FROM is pod/NAMESPACE/NAME, node/NAME or netns/HOST/ID; TO is one of these with :PORT, svc/NAMESPACE/NAME:PORT, ADDRESS:PORT or
[V6]:PORT. Exits 0 where it arrives and is answered, 1 where it isn't, 2 where that can't be told.`,
  async run(args) {
    const { values, positionals } = parseArguments(
      args,
      {
        snapshot: { type: 'string' },
        protocol: { type: 'string', default: 'tcp' },
        'source-port': { type: 'string' },
        ...OUTPUT_OPTION,
      },
      true,
    );
    const json = wantsJson(values.output);
    const [sender, target, more] = positionals;
    if (sender === undefined || target === undefined || more !== undefined)
      throw usageError('FROM and TO are needed, and nothing else');
    if (values.snapshot === undefined)
      throw usageError('--snapshot is missing', 'give a directory that flatnet collect wrote');
    const { protocol } = values;
    if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'icmp')
      throw usageError(`--protocol ${protocol} is not known`, 'use tcp, udp or icmp');
    const sourcePort =
      values['source-port'] === undefined ? undefined : parseCount('source-port', values['source-port'], 1, 65535);
    const { hosts, cluster } = readSnapshot(new SnapshotDirectory(values.snapshot));
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
      }) ?? [];
    if (json) process.stdout.write(`${JSON.stringify({ outcomes })}\n`);
    else process.stdout.write(outcomes.length === 0 ? `${sender} has no way to begin\n` : formatTrace(outcomes));
    return outcomes.length === 0 ? 1 : traceExitCode(outcomes);
  },
};
