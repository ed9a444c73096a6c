import type { LabProgress } from '../lab/init-message.ts';
import { type KeptLab, keepLab } from '../lab/lab-keeper.ts';
import type { LabRequest } from './lab-options.ts';
import { labEnvironment, labProgram } from './lab-program.ts';
import { ProgressLine } from './progress.ts';

/** Hears of a lab while it starts. */
export interface LabReporter {
  onProgress(progress: LabProgress): void;
  onWarning(message: string): void;
}

/** Starts the lab of a request and keeps it in this process, which signals end it through. */
export async function keepRequestedLab(request: LabRequest, reporter: LabReporter): Promise<KeptLab> {
  const { command, args } = labProgram();
  const lab = await keepLab({
    directory: request.directory,
    configuration: request.configuration,
    manifests: request.manifests,
    init: { command, args: [...args, 'lab', 'init'] },
    environment: labEnvironment(process.env),
    onProgress: (progress) => reporter.onProgress(progress),
    onWarning: (message) => reporter.onWarning(message),
  });
  endOnSignals(lab);
  return lab;
}

/** The first signal lets the lab end in good order, the second ends it at once. */
function endOnSignals(lab: KeptLab): void {
  let asked = false;
  const end = () => {
    if (asked) lab.kill();
    else lab.stop();
    asked = true;
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
}

/** Reports on standard error. */
export class TerminalReporter implements LabReporter {
  readonly #progress = new ProgressLine(process.stderr);

  onProgress(progress: LabProgress): void {
    this.#progress.show(progress);
  }

  onWarning(message: string): void {
    this.clear();
    process.stderr.write(`warning: ${message}\n`);
  }

  clear(): void {
    this.#progress.clear();
  }
}
