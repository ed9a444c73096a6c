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
}

/** A host through all its reboots. */
export class LabNode {
  readonly configuration: HostIdentity;
  readonly #options: LabNodeOptions;
  #host: RunningHost;
  #boots = 1;
  #retired = false;

  constructor(options: LabNodeOptions) {
    this.#options = options;
    this.configuration = options.configuration;
    createHostDisk(options.disk, options.files);
    this.#host = this.#boot();
  }

  get name(): string {
    return this.configuration.name;
  }

  /** The host as it runs now. */
  get host(): RunningHost {
    return this.#host;
  }

  get boots(): number {
    return this.#boots;
  }

  /** Cuts its power, and boots it. */
  reboot(): void {
    if (this.#retired)
      throw new FlatnetError({
        operation: `reboot ${this.name}`,
        code: 'unavailable',
        message: 'the lab is ending',
      });
    this.#host.powerOff();
  }

  /** Cuts its power for good. */
  retire(): void {
    this.#retired = true;
    this.#host.powerOff();
  }

  #boot(): RunningHost {
    const { configuration, disk, environment, fabric, onBoot } = this.#options;
    const host = new RunningHost(configuration, disk, environment);
    fabric.connect(host);
    // However it went down: a host has a watchdog.
    host.signal.addEventListener('abort', () => setImmediate(() => this.#rebooted()), { once: true });
    onBoot(host);
    return host;
  }

  #rebooted(): void {
    if (this.#retired) return;
    this.#boots++;
    this.#host = this.#boot();
  }
}
