import path from 'node:path';
import { describeError, FlatnetError } from '../error/flatnet-error.ts';
import { compare } from './cluster-view.ts';
import type { Fabric } from './fabric.ts';
import { INTERNET } from './fabric-plan.ts';
import type { LabProgress, LabStart } from './init-message.ts';
import { serveInternet } from './internet-server.ts';
import type { LabProgram } from './lab.ts';
import type { LabHost } from './lab-host.ts';
import { LabNode } from './lab-node.ts';

export interface LabHostsOptions {
  readonly start: LabStart;
  readonly program: LabProgram;
  readonly environment: NodeJS.ProcessEnv;
  readonly fabric: Fabric;
  /** Files of a host's /etc. */
  readonly files: (host: string) => ReadonlyMap<string, string>;
  /** Starts what runs on a host, at every boot; not for the one outside. */
  readonly onBoot: (host: LabHost) => void;
  readonly onProgress: (progress: LabProgress) => void;
  readonly onWarning: (message: string) => void;
}

/** The hosts of a lab, the one outside among them, through all their reboots. */
export class LabHosts {
  readonly #nodes = new Map<string, LabNode>();

  /** Boots them one after the other. @throws FlatnetError */
  async boot(options: LabHostsOptions): Promise<void> {
    const { configuration, directory } = options.start;
    const outside = { name: INTERNET, addresses: configuration.internet, labels: {} };
    const all = [...configuration.hosts, ...(configuration.internet.length > 0 ? [outside] : [])];
    for (const host of all) {
      const node = await LabNode.create({
        configuration: host,
        disk: { directory: path.join(directory.disks, host.name), keep: options.program.directories },
        files: options.files(host.name),
        fabric: options.fabric,
        environment: options.environment,
        onFailure: (error) => options.onWarning(`${host.name} doesn't boot: ${describeError(error)}`),
        onBoot: (running) => (host.name === INTERNET ? serveInternet(running) : options.onBoot(running)),
      });
      this.#nodes.set(host.name, node);
      options.onProgress({ stage: 'hosts up', done: this.#nodes.size, total: all.length });
    }
  }

  /** @throws FlatnetError `not-found` */
  get(name: string): LabNode {
    const node = this.#nodes.get(name);
    if (node !== undefined) return node;
    throw new FlatnetError({
      operation: 'find host',
      code: 'not-found',
      message: `the lab has no host ${JSON.stringify(name)}`,
      remedy: `it has ${[...this.#nodes.keys()].sort(compare).join(', ')}`,
    });
  }

  /** Those that are up now. */
  get running(): readonly LabHost[] {
    return [...this.#nodes.values()].map(({ host }) => host);
  }

  /** Cuts the power of all, for good. */
  retire(): void {
    for (const node of this.#nodes.values()) node.retire();
  }
}
