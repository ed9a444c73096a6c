import { SnapshotDirectory } from '../kernel/snapshot-directory.ts';
import type { LabProgress } from '../lab/init-message.ts';
import { type ExplainedClass, explainRules } from '../verify/explain/explain-rules.ts';
import { formatExplanation } from '../verify/explain/format-explanation.ts';
import { formatReport } from '../verify/format-report.ts';
import { exitCodeOf, type VerifyReport } from '../verify/report.ts';
import { readSnapshot, type Snapshot } from '../verify/snapshot/read-snapshot.ts';
import { verifyHosts } from '../verify/verify-hosts.ts';
import { type Command, OUTPUT_OPTION, parseArguments, usageError, wantsJson } from './command.ts';
import { connectToLab } from './lab-connection.ts';
import { labSnapshot } from './live-dumps.ts';
import { ProgressLine } from './progress.ts';

/** Tests the three rules, or proves them. */
export const verify: Command = {
  usage: `Usage: flatnet verify [--lab NAME] [--explain] [-o text|json]
       flatnet verify --snapshot DIR [--explain] [-o text|json]
Tests the three rules in a lab with real packets, TCP and UDP, between all pods and nodes; or proves them, for all pairs and
every port and protocol, for hosts whose state was written down, on whatever network plugin.

      --lab NAME       the lab (default: default)
      --snapshot DIR   what flatnet collect, or its script, wrote on each host
      --explain        by which mechanisms each rule holds or breaks, for each class of ways: routes, tunnels, rules
  -o, --output FORM    text or json
Exits 0 where the rules hold, 1 where one is violated, 2 where it can't tell.`,
  async run(args) {
    const { values } = parseArguments(args, {
      lab: { type: 'string' },
      snapshot: { type: 'string' },
      explain: { type: 'boolean', default: false },
      ...OUTPUT_OPTION,
    });
    const json = wantsJson(values.output);
    if (values.lab !== undefined && values.snapshot !== undefined)
      throw usageError('--lab and --snapshot are both given', 'verify one of them');
    const progress = new ProgressLine(process.stderr);
    try {
      const name = values.lab ?? 'default';
      const snapshot = values.snapshot === undefined ? undefined : readFiles(values.snapshot, progress);
      const report = snapshot === undefined ? await verifyLab(name, progress) : verifyHosts(snapshot.hosts, snapshot);
      const explained = values.explain ? explainSnapshot(snapshot ?? readSnapshot(await labSnapshot(name))) : undefined;
      progress.clear();
      process.stdout.write(json ? formatJson(report, explained) : formatText(report, explained));
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

function readFiles(directory: string, progress: ProgressLine): Snapshot {
  const snapshot = readSnapshot(new SnapshotDirectory(directory));
  const { length } = snapshot.hosts;
  progress.show({ stage: 'hosts read', done: length, total: length });
  return snapshot;
}

function explainSnapshot(snapshot: Snapshot): readonly ExplainedClass[] {
  return explainRules(snapshot.hosts, snapshot);
}

function formatJson(report: VerifyReport, explained: readonly ExplainedClass[] | undefined): string {
  return `${JSON.stringify(explained === undefined ? report : { ...report, mechanisms: explained })}\n`;
}

function formatText(report: VerifyReport, explained: readonly ExplainedClass[] | undefined): string {
  return explained === undefined
    ? formatReport(report)
    : `${formatReport(report)}\n${formatExplanation(explained, report)}`;
}
