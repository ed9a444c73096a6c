import { SnapshotDirectory } from '../kernel/snapshot-directory.ts';
import type { LabProgress } from '../lab/init-message.ts';
import { formatReport } from '../verify/format-report.ts';
import { exitCodeOf, type VerifyReport } from '../verify/report.ts';
import { readSnapshot } from '../verify/snapshot/read-snapshot.ts';
import { verifyHosts } from '../verify/verify-hosts.ts';
import { type Command, OUTPUT_OPTION, parseArguments, usageError, wantsJson } from './command.ts';
import { connectToLab } from './lab-connection.ts';
import { ProgressLine } from './progress.ts';

/** Tests the three rules, or proves them. */
export const verify: Command = {
  usage: `Usage: flatnet verify [--lab NAME] [-o text|json]
       flatnet verify --snapshot DIR [-o text|json]
Tests the three rules in a lab with real packets, TCP and UDP, between all pods and nodes; or proves them, for all pairs and
every port and protocol, for hosts whose state was written down, on whatever network plugin.

      --lab NAME       the lab (default: default)
      --snapshot DIR   what flatnet collect, or its script, wrote on each host
  -o, --output FORM    text or json
Exits 0 where the rules hold, 1 where one is violated, 2 where it can't tell.`,
  async run(args) {
    const { values } = parseArguments(args, {
      lab: { type: 'string' },
      snapshot: { type: 'string' },
      ...OUTPUT_OPTION,
    });
    const json = wantsJson(values.output);
    if (values.lab !== undefined && values.snapshot !== undefined)
      throw usageError('--lab and --snapshot are both given', 'verify one of them');
    const progress = new ProgressLine(process.stderr);
    try {
      const report =
        values.snapshot === undefined
          ? await verifyLab(values.lab ?? 'default', progress)
          : verifySnapshot(values.snapshot, progress);
      progress.clear();
      process.stdout.write(json ? `${JSON.stringify(report)}\n` : formatReport(report));
      return exitCodeOf(report);
    } finally {
      progress.clear();
    }
  },
};

async function verifyLab(name: string, progress: ProgressLine): Promise<VerifyReport> {
  using lab = await connectToLab(name);
  const onEvent = (event: unknown) => progress.show(event as LabProgress);
  return (await lab.request('verify', {}, { onEvent })) as VerifyReport;
}

function verifySnapshot(directory: string, progress: ProgressLine): VerifyReport {
  const { hosts, cluster, paths, askedPorts } = readSnapshot(new SnapshotDirectory(directory));
  progress.show({ stage: 'hosts read', done: hosts.length, total: hosts.length });
  return verifyHosts(hosts, { ...(cluster !== undefined && { cluster }), paths, askedPorts });
}
