import type { Change } from '../host/change.ts';
import { type FabricPlan, type HostConnection, planFabric } from './fabric-plan.ts';
import { applyByCommand } from './ip-batch.ts';
import type { LabConfiguration } from './lab-configuration.ts';
import type { LabHost } from './lab-host.ts';

/** The network between a lab's hosts, in the network namespace of the process that makes it. */
export class Fabric {
  readonly #plan: FabricPlan;
  readonly #connected = new Set<string>();

  /** Makes the router and the subnets. @throws FlatnetError */
  constructor(lab: LabConfiguration) {
    this.#plan = planFabric(lab);
    apply(this.#plan.router);
  }

  /** Connects a host that has just booted. */
  connect(host: LabHost): void {
    const connection = this.#connectionOf(host.name);
    // The kernel takes its time to remove the uplink of the namespace before the reboot.
    if (this.#connected.has(host.name)) apply([{ kind: 'remove-link', name: connection.fabricLink }]);
    this.#connected.add(host.name);
    host.run(() => apply(connection.before));
    apply(connection.link(host.networkNamespace));
    host.run(() => apply(connection.after));
  }

  #connectionOf(host: string): HostConnection {
    const connection = this.#plan.hosts.get(host);
    if (connection === undefined) throw new Error(`${host} is no host of this lab`);
    return connection;
  }
}

function apply(changes: readonly Change[]): void {
  applyByCommand(changes);
}
