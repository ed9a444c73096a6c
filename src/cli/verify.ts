import type { LabProgress } from '../lab/init-message.ts';
import { formatReport } from '../verify/format-report.ts';
import { exitCodeOf, type VerifyReport } from '../verify/report.ts';
import { type Command, OUTPUT_OPTION, parseArguments, wantsJson } from './command.ts';
import { connectToLab } from './lab-connection.ts';
import { ProgressLine } from './progress.ts';

/** Tests the three rules. */
export const verify: Command = {
  usage: `Usage: flatnet verify [--lab NAME] [-o text|json]
Tests the three rules in a lab with real packets, TCP and UDP, between all pods and nodes.
Exits 0 where they hold, 1 where one is violated, 2 where it can't tell.`,
  async run(args) {
    const { values } = parseArguments(args, { lab: { type: 'string', default: 'default' }, ...OUTPUT_OPTION });
    const json = wantsJson(values.output);
    const progress = new ProgressLine(process.stderr);
    using lab = await connectToLab(values.lab);
    try {
      const onEvent = (event: unknown) => progress.show(event as LabProgress);
      const report = (await lab.request('verify', {}, { onEvent })) as VerifyReport;
      progress.clear();
      process.stdout.write(json ? `${JSON.stringify(report)}\n` : formatReport(report));
      return exitCodeOf(report);
    } finally {
      progress.clear();
    }
  },
};
