import { describeError } from '../error/flatnet-error.ts';
import type { Clock } from '../kube/clock.ts';
import { parseMasqueradeConfiguration } from '../plan/masquerade-configuration.ts';
import type { NodeSettings } from '../plan/node-settings.ts';
import type { AgentConfiguration } from './agent-configuration.ts';
import type { Readiness } from './readiness.ts';
import { watchFileContent } from './watched-file.ts';

export interface MasqueradeFileOptions {
  readonly configuration: AgentConfiguration['masquerade'];
  readonly readiness: Readiness;
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Milliseconds between looks at a file whose directory tells of no change. */
const LOOK_INTERVAL = 10_000;

/** ip-masq-agent's configuration, as its file has it at the moment. A file that cannot be used leaves the last good one in force. */
export class MasqueradeFile {
  readonly #options: MasqueradeFileOptions;
  #settings: NodeSettings['masquerade'];

  constructor(options: MasqueradeFileOptions) {
    this.#options = options;
    this.#settings = options.configuration.enabled ? undefined : 'off';
  }

  get settings(): NodeSettings['masquerade'] {
    return this.#settings;
  }

  /** Follows the file until the signal aborts. */
  async watch(): Promise<void> {
    const { configuration, clock, signal } = this.#options;
    if (!configuration.enabled) return this.#options.readiness.set('masquerade', 'ok');
    const onContent = (text: string | undefined) => this.#take(text);
    await watchFileContent({ file: configuration.configFile, onContent, interval: LOOK_INTERVAL, clock, signal });
  }

  #take(text: string | undefined): void {
    const { readiness, configuration, onChange } = this.#options;
    try {
      this.#settings = text === undefined ? undefined : parseMasqueradeConfiguration(text);
      readiness.set('masquerade', 'ok');
    } catch (error) {
      readiness.set('masquerade', 'warning', `${configuration.configFile} is not used: ${describeError(error)}`);
    }
    onChange();
  }
}
