import type { Change, NamespaceChanges } from '../host/change.ts';
import { applyChanges, type ChangeContext, failureOf } from '../kernel/change-applier.ts';
import { LinkReaper } from '../kernel/link-reaper.ts';
import { NetlinkSocket } from '../kernel/netlink/netlink-socket.ts';
import { RulesetSession } from '../kernel/nftables/ruleset-session.ts';
import { type FabricPlan, type HostConnection, planFabric } from './fabric-plan.ts';
import type { LabConfiguration } from './lab-configuration.ts';
import type { LabHost } from './lab-host.ts';

/** The network between a lab's hosts, in the network namespace of the process that makes it. */
export class Fabric implements AsyncDisposable {
  readonly #plan: FabricPlan;
  readonly #socket = NetlinkSocket.open('route');
  readonly #reaper: LinkReaper;
  readonly #context: ChangeContext;
  readonly #connected = new Set<string>();

  private constructor(lab: LabConfiguration, reaper: LinkReaper) {
    this.#plan = planFabric(lab);
    this.#reaper = reaper;
    this.#context = {
      socket: this.#socket,
      reaper,
      applyTables: (changes, namespace) => {
        using session = RulesetSession.open(namespace);
        session.apply(changes);
      },
    };
  }

  /** Makes the router and the subnets. @throws FlatnetError */
  static async create(lab: LabConfiguration): Promise<Fabric> {
    const fabric = new Fabric(lab, await LinkReaper.open());
    await fabric.apply(fabric.#plan.router);
    return fabric;
  }

  /** Connects a host that has just booted. @throws FlatnetError */
  async connect(host: LabHost): Promise<void> {
    const { name, networkNamespace: namespace } = host;
    const connection = this.#connectionOf(name);
    // The kernel takes its time to remove the uplink of the namespace before the reboot.
    if (this.#connected.has(name)) await this.apply([{ kind: 'remove-link', name: connection.fabricLink }]);
    this.#connected.add(name);
    await this.applyAll([
      { namespace, changes: connection.before },
      { changes: connection.link(namespace) },
      { namespace, changes: connection.after },
    ]);
  }

  /** Applies changes to the fabric's own namespace, its route table for instance. @throws FlatnetError */
  apply(changes: readonly Change[]): Promise<void> {
    return this.applyAll([{ changes }]);
  }

  /** Applies changes here and in other namespaces, those of hosts for instance. @throws FlatnetError */
  async applyAll(changes: readonly NamespaceChanges[]): Promise<void> {
    const failure = failureOf('change network', await applyChanges(changes, this.#context));
    if (failure !== undefined) throw failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reaper[Symbol.asyncDispose]();
    this.#socket.close();
  }

  #connectionOf(host: string): HostConnection {
    const connection = this.#plan.hosts.get(host);
    if (connection === undefined) throw new Error(`${host} is no host of this lab`);
    return connection;
  }
}
