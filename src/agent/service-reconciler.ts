import type { ClusterState } from '../cluster/cluster-state.ts';
import type { ClusterChanges } from '../cluster/live-cluster-state.ts';
import type { Attachment } from '../cni/attachment.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import type { ChangeResult } from '../kernel/change-applier.ts';
import { diffTables } from '../netfilter/diff-tables.ts';
import type { TableChange } from '../netfilter/table-change.ts';
import type { HostFacts } from '../plan/host-facts.ts';
import type { PeerDirectory } from '../plan/peer-directory.ts';
import { planStaleFlows } from '../plan/service/plan-conntrack.ts';
import { planPortMappings, portMappingKey } from '../plan/service/plan-port-mappings.ts';
import { nodeLocation, planServiceNamed, planServices } from '../plan/service/plan-services.ts';
import type { PlannedService } from '../plan/service/service-plan.ts';
import type { ServiceChange } from '../render/service/service-table.ts';
import { ServiceTables } from '../render/service/service-tables.ts';
import type { AgentConfiguration } from './agent-configuration.ts';
import type { HostKernel } from './host-kernel.ts';
import { deleteStaleFlows } from './stale-flow-deletion.ts';

export interface ServiceReconcilerOptions {
  readonly kernel: Pick<HostKernel, 'readServiceTables' | 'applyTables' | 'applySysctls' | 'protectsTables' | 'flows'>;
  readonly node: string;
  readonly configuration: Pick<AgentConfiguration, 'cluster' | 'nodePortAddresses'>;
  readonly cluster: {
    readonly state: ClusterState;
    readonly servicesSynced: boolean;
    takeChanges(): ClusterChanges;
  };
  readonly attachments: () => readonly Attachment[];
  /** Told where so much has changed that memory is to be given back. */
  readonly onLoad: () => void;
  /** Told of all services whenever some have changed. */
  readonly onPlanned: (services: ReadonlyMap<string, PlannedService>) => void;
}

/** Services that change at once, from which it counts as a load. */
const LOAD = 500;

/**
 * Keeps the kernel's tables of services as planned: whole, or what has changed alone. Our tables are bound to our socket,
 * so that what they hold needn't be read again once it is known. Whoever calls sees to it that nothing runs twice at once.
 */
export class ServiceReconciler {
  readonly #options: ServiceReconcilerOptions;
  readonly #tables = new ServiceTables();
  /** Whether the kernel's tables are those that we have rendered last. */
  #trusted = false;
  /** Whether tables have been rendered at all. */
  #planned = false;
  /** Changes whose consequences for flows are still to come. */
  readonly #unfollowed: ServiceChange[] = [];

  constructor(options: ServiceReconcilerOptions) {
    this.#options = options;
  }

  /** Somebody may have changed the tables, where they aren't protected: they are read and compared the next time. */
  distrust(): void {
    if (!this.#options.kernel.protectsTables) this.#trusted = false;
  }

  /**
   * Plans everything and brings the kernel to it. Until the API has listed all services, what a former agent has left
   * stays in force.
   */
  async reconcile(facts: HostFacts, directory: PeerDirectory): Promise<readonly ChangeResult[]> {
    const { kernel, node, configuration, cluster, attachments } = this.#options;
    if (!cluster.servicesSynced) return [];
    cluster.takeChanges();
    const { nodePortAddresses } = configuration;
    const plan = planServices({
      node,
      cluster: cluster.state,
      configuration: configuration.cluster,
      facts,
      attachments: attachments(),
      settings: nodePortAddresses === undefined ? {} : { nodePortAddresses },
      directory,
    });
    const found = this.#trusted ? undefined : kernel.readServiceTables();
    if (found !== undefined && !this.#planned) this.#tables.adopt(found);
    const { tables, services } = this.#tables.replace(plan);
    this.#planned = true;
    this.#unfollowed.push(...services);
    const changes = found === undefined ? tables : diffTables(found, this.#tables.tables);
    const change = { kind: 'change-tables', changes } as const;
    try {
      await this.#apply(changes);
      return changes.length === 0 ? [] : [{ change }];
    } catch (error) {
      if (!isFlatnetError(error)) throw error;
      return [{ change, error }];
    }
  }

  /** Carries out what the API has said of services since. @throws FlatnetError, and the whole is to be reconciled */
  async change(): Promise<void> {
    const { cluster, node } = this.#options;
    if (!this.#trusted || !cluster.servicesSynced) return;
    const { services, endpoints } = cluster.takeChanges();
    const location = nodeLocation(cluster.state, node);
    const keys = new Set([...services, ...endpoints]);
    await this.#change(Array.from(keys, (key) => [key, planServiceNamed(cluster.state, key, location)]));
  }

  /** Opens and closes the host ports of a pod that comes or goes. @throws FlatnetError */
  async changeAttachment(before: Attachment | undefined, after: Attachment | undefined): Promise<void> {
    if (!this.#trusted) return;
    const changed = new Map<string, PlannedService | undefined>();
    if (before !== undefined) changed.set(portMappingKey(before), undefined);
    if (after !== undefined) changed.set(portMappingKey(after), planPortMappings(after));
    await this.#change(changed);
  }

  /** Closes the host ports of pods that are gone. @throws FlatnetError */
  async changeAttachments(): Promise<void> {
    if (!this.#trusted) return;
    const present = new Set(this.#options.attachments().map(portMappingKey));
    const gone = [...this.#tables.services.keys()].filter((key) => key.startsWith('host-port ') && !present.has(key));
    await this.#change(gone.map((key) => [key, undefined]));
  }

  async #change(changed: Iterable<readonly [string, PlannedService | undefined]>): Promise<void> {
    const { tables, services } = this.#tables.change(changed);
    this.#unfollowed.push(...services);
    await this.#apply(tables);
  }

  async #apply(tables: readonly TableChange[]): Promise<void> {
    const { kernel } = this.#options;
    this.#trusted = false;
    if (tables.length > 0) await kernel.applyTables(tables);
    this.#trusted = true;
    if (tables.length > 0) kernel.applySysctls(this.#tables.sysctls);
    this.#follow();
  }

  /** What follows from changes once the tables are right, and no new flow can go astray any more. */
  #follow(): void {
    const changes = this.#unfollowed.splice(0);
    if (changes.length === 0) return;
    if (changes.length > LOAD) this.#options.onLoad();
    deleteStaleFlows(
      this.#options.kernel.flows,
      changes.flatMap(({ before, after }) => planStaleFlows(before, after)),
    );
    this.#options.onPlanned(this.#tables.services);
  }
}
