import { FlatnetError } from '../error/flatnet-error.ts';
import type { Fabric } from './fabric.ts';
import { RunningHost } from './host.ts';
import { createHostDisk, type HostDisk } from './host-disk.ts';
import type { HostIdentity } from './lab-configuration.ts';
import type { LabHost } from './lab-host.ts';

export interface LabNodeOptions {
  readonly configuration: HostIdentity;
  /** Where the host keeps what outlives a reboot; made by the node. */
  readonly disk: HostDisk;
  /** Files of the host's /etc. */
  readonly files: ReadonlyMap<string, string>;
  readonly fabric: Fabric;
  readonly environment: NodeJS.ProcessEnv;
  /** Starts what runs on the host, at every boot; all of it ends when `host.signal` aborts. */
  readonly onBoot: (host: LabHost) => void;
  /** Told of a boot that failed, other than the first. */
  readonly onFailure: (error: unknown) => void;
}

/** A host through all its reboots. */
export class LabNode {
  readonly #options: LabNodeOptions;
  #host: RunningHost;
  #boots = 0;
  #retired = false;
  #booted: Promise<void> = Promise.resolve();

  private constructor(options: LabNodeOptions) {
    this.#options = options;
    createHostDisk(options.disk, options.files);
    this.#host = this.#powerOn();
  }

  /** Makes the host and boots it. @throws FlatnetError */
  static async create(options: LabNodeOptions): Promise<LabNode> {
    const node = new LabNode(options);
    await node.#booted;
    return node;
  }

  get name(): string {
    return this.#options.configuration.name;
  }

  /** The host as it runs now. */
  get host(): RunningHost {
    return this.#host;
  }

  get boots(): number {
    return this.#boots;
  }

  /** Cuts its power, and boots it. @throws FlatnetError */
  async reboot(): Promise<void> {
    if (this.#retired)
      throw new FlatnetError({
        operation: `reboot ${this.name}`,
        code: 'unavailable',
        message: 'the lab is ending',
      });
    this.#host.powerOff();
    await this.#booted;
  }

  /** Cuts its power for good. */
  retire(): void {
    this.#retired = true;
    this.#host.powerOff();
  }

  #powerOn(): RunningHost {
    const { configuration, disk, environment } = this.#options;
    const host = new RunningHost(configuration, disk, environment);
    // However it went down: a host has a watchdog.
    host.signal.addEventListener('abort', () => this.#wentDown(), { once: true });
    this.#boots++;
    this.#booted = this.#boot(host);
    return host;
  }

  #wentDown(): void {
    if (this.#retired) return;
    this.#booted = this.#booted
      .catch(() => undefined) // of the boot that this one ends
      .then(() => {
        if (this.#retired) return undefined;
        this.#host = this.#powerOn();
        return this.#booted;
      });
    this.#booted.catch(this.#options.onFailure);
  }

  async #boot(host: RunningHost): Promise<void> {
    await this.#options.fabric.connect(host);
    if (!host.signal.aborted) this.#options.onBoot(host);
  }
}
