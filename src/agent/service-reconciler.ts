import { isDeepStrictEqual } from 'node:util';
import { type Address, addressKey } from '../address/address.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';
import type { ClusterChanges } from '../cluster/live-cluster-state.ts';
import type { Attachment } from '../cni/attachment.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import type { ChangeResult } from '../kernel/change-applier.ts';
import { TurnBudget } from '../kube/turn-budget.ts';
import { diffTables } from '../netfilter/diff-tables.ts';
import type { Table } from '../netfilter/node.ts';
import type { TableChange } from '../netfilter/table-change.ts';
import type { HostFacts } from '../plan/host-facts.ts';
import type { PeerDirectory } from '../plan/peer-directory.ts';
import { planMisledFlows, planStaleFlows, type StaleFlows } from '../plan/service/plan-conntrack.ts';
import { planPortMappings, portMappingKey } from '../plan/service/plan-port-mappings.ts';
import { nodeLocation, planServiceNamed, planSurroundings } from '../plan/service/plan-services.ts';
import type { NodeLocation } from '../plan/service/select-endpoints.ts';
import type { PlannedService, ServiceSurroundings } from '../plan/service/service-plan.ts';
import { wholeTable } from '../render/service/found-services.ts';
import { GUARD_CHAIN } from '../render/service/service-chain.ts';
import type { ExpectedElements } from '../render/service/service-set.ts';
import type { ServiceChange } from '../render/service/service-table.ts';
import { CLOSE_LOOPBACK, ServiceTables } from '../render/service/service-tables.ts';
import type { AgentConfiguration } from './agent-configuration.ts';
import { inPieces } from './change-pieces.ts';
import type { HostKernel } from './host-kernel.ts';
import { PieceSize } from './piece-size.ts';
import { staleFlowDeletion } from './stale-flow-deletion.ts';

export interface ServiceReconcilerOptions {
  readonly kernel: Pick<
    HostKernel,
    'findServiceTables' | 'prepareTables' | 'applySysctls' | 'protectsTables' | 'flows'
  >;
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

/** What all services have in common. */
interface Basis {
  readonly surroundings: ServiceSurroundings;
  readonly location: NodeLocation;
}

type PlannedEntry = readonly [string, PlannedService | undefined];

/** Services that change at once, from which it counts as a load. */
const LOAD = 500;

/**
 * Keeps the kernel's tables of services as planned: whole, or what has changed alone. Our tables are bound to our socket,
 * so that what they hold needn't be read again once it is known. Whoever calls sees to it that nothing runs twice at once.
 */
export class ServiceReconciler {
  readonly #options: ServiceReconcilerOptions;
  #tables = new ServiceTables();
  /** Whether the kernel's tables are those that we have rendered last. */
  #trusted = false;
  /** What all services were last planned by. */
  #basis: Basis | undefined;
  /** Flows to be forgotten once the tables are right. */
  readonly #stale: StaleFlows[] = [];
  /** Whether tables have changed since then. */
  #applied = false;
  /** Services that have changed since that was last looked after. */
  #changed = 0;
  /** Whether any of them has, or had, a health check. */
  #healthChanged = false;
  readonly #pieceSize = new PieceSize();

  constructor(options: ServiceReconcilerOptions) {
    this.#options = options;
  }

  /** Somebody may have changed the tables, where they aren't protected: they are read the next time. */
  distrust(): void {
    if (!this.#options.kernel.protectsTables) this.#trusted = false;
  }

  /**
   * Plans everything and brings the kernel to it, piece by piece, so that a first load keeps nobody waiting; where neither
   * the node's surroundings nor its place has changed, only services that have. Until the API has listed all services, what
   * a former agent has left stays in force.
   */
  async reconcile(facts: HostFacts, directory: PeerDirectory): Promise<readonly ChangeResult[]> {
    const { cluster, node } = this.#options;
    if (!cluster.servicesSynced) return [];
    const { services, endpoints } = cluster.takeChanges();
    try {
      const surroundings = this.#surroundings(facts, directory);
      const basis = { surroundings, location: nodeLocation(cluster.state, node) };
      const isSame = isDeepStrictEqual(basis, this.#basis);
      this.#basis = undefined;
      const { location } = basis;
      const pieces = isSame ? this.#plan(services.union(endpoints), location) : this.#pieces(location);
      const results = this.#trusted
        ? await this.#carryOut(pieces, (piece) => this.#render(piece, surroundings))
        : await this.#begin(basis);
      this.#basis = basis;
      // Whatever of the settings has been changed by others.
      this.#applied = true;
      await this.#follow();
      return results;
    } catch (error) {
      if (!isFlatnetError(error)) throw error;
      return [{ change: { kind: 'change-tables', changes: [] }, error }];
    }
  }

  /** Starts from what is in the kernel, whoever has left it there. */
  async #begin({ surroundings, location }: Basis): Promise<readonly ChangeResult[]> {
    const { kernel } = this.#options;
    const budget = new TurnBudget();
    await budget.nextTurn();
    const found = await kernel.findServiceTables();
    await budget.nextTurn();
    const tables = new ServiceTables(this.#expected());
    await budget.run(tables.adoption(found));
    await budget.nextTurn();
    this.#tables = tables;
    this.#healthChanged = true;
    const render = (piece: readonly PlannedEntry[]) => this.#render(piece, surroundings, true);
    // Of services that want the same front the first by name has it: as it comes first, it finds its own pool there.
    const pieces = this.#pieces(location, found.length > 0);
    await budget.rest();
    const extent = tables.takeoverExtent(surroundings);
    await budget.nextTurn();
    if (extent === 'elements') {
      const results = await this.#carryOut(pieces, render);
      const rest = tables.finishAdoption();
      kernel.applySysctls(rest.closing);
      await budget.nextTurn();
      return [...results, ...(await this.#applyTables(rest.tables))];
    }
    for (const piece of pieces) {
      this.#note(tables.gather(piece, surroundings), true);
      await budget.rest();
    }
    await budget.nextTurn();
    const { tables: changes, closing } = tables.finishAdoption();
    kernel.applySysctls(closing);
    await budget.nextTurn();
    return await this.#applyTables(extent === 'rules' ? changes : diffTables(found.map(wholeTable), tables.tables));
  }

  /** As if each service had one address and port, and all its endpoints. */
  #expected(): ExpectedElements {
    const { services, endpoints } = this.#options.cluster.state;
    return {
      fronts: services.size,
      endpoints: Iterator.from(endpoints.values()).reduce((sum, { length }) => sum + length, 0),
    };
  }

  #surroundings(facts: HostFacts, directory: PeerDirectory): ServiceSurroundings {
    const { node, configuration, cluster } = this.#options;
    const { nodePortAddresses } = configuration;
    return planSurroundings({
      node,
      cluster: cluster.state,
      configuration: configuration.cluster,
      facts,
      settings: nodePortAddresses === undefined ? {} : { nodePortAddresses },
      directory,
    });
  }

  /** All services and host ports, and those that are gone; by name where it matters. */
  #pieces(location: NodeLocation, sorted = false): Iterable<readonly PlannedEntry[]> {
    const hostPorts = new Map(this.#options.attachments().map((one) => [portMappingKey(one), one]));
    const keys = this.#keys(hostPorts);
    return this.#plan(sorted ? [...keys].sort() : keys, location, hostPorts);
  }

  /** Looks where it has come to: a service that comes or goes meanwhile is told of by the next change in any case. */
  *#keys(hostPorts: ReadonlyMap<string, Attachment>): Generator<string> {
    const { services } = this.#options.cluster.state;
    yield* services.keys();
    yield* hostPorts.keys();
    for (const key of this.#tables.services.keys()) if (!services.has(key) && !hostPorts.has(key)) yield key;
  }

  /** Plans of services and host ports, some at a time; at least one piece, for the surroundings. */
  *#plan(
    keys: Iterable<string>,
    location: NodeLocation,
    hostPorts?: ReadonlyMap<string, Attachment>,
  ): Generator<readonly PlannedEntry[]> {
    const { cluster } = this.#options;
    let piece: PlannedEntry[] = [];
    let weight = 0;
    for (const key of keys) {
      const attachment = hostPorts?.get(key);
      const planned =
        attachment === undefined ? planServiceNamed(cluster.state, key, location) : planPortMappings(attachment);
      piece.push([key, planned]);
      // What goes costs as much as what comes.
      weight += 1 + Math.max(endpointsOf(planned), endpointsOf(this.#tables.services.get(key)));
      if (weight < this.#pieceSize.elements) continue;
      yield piece;
      piece = [];
      weight = 0;
    }
    yield piece;
  }

  /** Carries out what the API has said of services since. @throws FlatnetError, and the whole is to be reconciled */
  async change(): Promise<void> {
    const { cluster, node } = this.#options;
    if (!this.#trusted || !cluster.servicesSynced) return;
    const { services, endpoints } = cluster.takeChanges();
    // The node may have moved since: that is for all services at once.
    const location = this.#basis?.location ?? nodeLocation(cluster.state, node);
    await this.#change(this.#plan(services.union(endpoints), location));
  }

  /** Opens and closes the host ports of a pod that comes or goes. @throws FlatnetError */
  async changeAttachment(before: Attachment | undefined, after: Attachment | undefined): Promise<void> {
    if (!this.#trusted) return;
    const changed = new Map<string, PlannedService | undefined>();
    if (before !== undefined) changed.set(portMappingKey(before), undefined);
    if (after !== undefined) changed.set(portMappingKey(after), planPortMappings(after));
    await this.#change([[...changed]]);
  }

  /** Closes the host ports of pods that are gone. @throws FlatnetError */
  async changeAttachments(): Promise<void> {
    if (!this.#trusted) return;
    const present = new Set(this.#options.attachments().map(portMappingKey));
    const gone = [...this.#tables.services.keys()].filter((key) => key.startsWith('host-port ') && !present.has(key));
    await this.#change([gone.map((key) => [key, undefined] as const)]);
  }

  async #change(pieces: Iterable<readonly PlannedEntry[]>): Promise<void> {
    await this.#carryOut(pieces, (piece) => this.#render(piece));
    await this.#follow();
  }

  /** Piece by piece; where one fails, the kernel's tables are no longer what has been rendered. */
  async #carryOut(
    pieces: Iterable<readonly PlannedEntry[]>,
    render: (piece: readonly PlannedEntry[]) => readonly TableChange[],
  ): Promise<readonly ChangeResult[]> {
    const results: ChangeResult[] = [];
    try {
      const prepare = (piece: readonly PlannedEntry[]) => this.#prepareTables(render(piece));
      const apply = async (prepared: () => Promise<readonly ChangeResult[]>) => {
        results.push(...(await prepared()));
      };
      await inPieces(pieces, { render: prepare, apply, onTurn: (milliseconds) => this.#pieceSize.adapt(milliseconds) });
    } catch (error) {
      this.#trusted = false;
      throw error;
    }
    return results;
  }

  /** @param isFirst what was before is not known */
  #render(piece: readonly PlannedEntry[], surroundings?: ServiceSurroundings, isFirst = false): readonly TableChange[] {
    const { tables, closing, services } = this.#tables.change(piece, surroundings);
    this.#options.kernel.applySysctls(closing);
    this.#note(services, isFirst);
    return tables;
  }

  /** What services that change ask for besides tables. */
  #note(services: readonly ServiceChange[], isFirst: boolean): void {
    for (const { before, after } of services) {
      this.#stale.push(
        ...(!isFirst ? planStaleFlows(before, after) : after === undefined ? [] : planMisledFlows(after)),
      );
      this.#healthChanged ||= before?.healthCheck !== undefined || after?.healthCheck !== undefined;
    }
    this.#changed += services.length;
  }

  #applyTables(tables: readonly TableChange[]): Promise<readonly ChangeResult[]> {
    return this.#prepareTables(tables)();
  }

  /** @returns carries the changes out, and tells what was done without the elements, which may be very many */
  #prepareTables(tables: readonly TableChange[]): () => Promise<readonly ChangeResult[]> {
    const carryOut = tables.length > 0 ? this.#options.kernel.prepareTables(tables) : undefined;
    const changes = tables.map((change) => ('elements' in change ? { ...change, elements: [] } : change));
    return async () => {
      this.#trusted = false;
      await carryOut?.();
      this.#trusted = true;
      if (carryOut === undefined) return [];
      this.#applied = true;
      return [{ change: { kind: 'change-tables', changes } }];
    };
  }

  /** What follows from changes once the tables are right, and no new flow can go astray any more. */
  async #follow(): Promise<void> {
    if (this.#applied) this.#options.kernel.applySysctls(this.#tables.sysctls);
    this.#applied = false;
    if (this.#changed > LOAD) this.#options.onLoad();
    this.#changed = 0;
    const stale = this.#stale.splice(0);
    if (stale.length > 0) {
      const nodes = [...this.#options.cluster.state.nodes.values()];
      const own = new Set(nodes.flatMap(({ addresses }) => addresses.map(addressKey)));
      const isNodeAddress = (address: Address) => own.has(addressKey(address));
      await new TurnBudget().run(staleFlowDeletion(this.#options.kernel.flows, stale, isNodeAddress));
    }
    if (!this.#healthChanged) return;
    this.#healthChanged = false;
    this.#options.onPlanned(this.#tables.services);
  }
}

function endpointsOf(service: PlannedService | undefined): number {
  return service?.pools.reduce((sum, { endpoints }) => sum + endpoints.length, 0) ?? 0;
}

/** Removes what an agent that led to services has left, where another proxy is to do that. */
export async function dropServiceTables(
  kernel: Pick<HostKernel, 'readServiceTables' | 'applyTables' | 'applySysctls'>,
): Promise<void> {
  const found = kernel.readServiceTables();
  if (guardsLoopback(found)) kernel.applySysctls(CLOSE_LOOPBACK);
  await kernel.applyTables(diffTables(found, []));
}

function guardsLoopback(tables: readonly Table[]): boolean {
  return tables.some(({ chains }) => chains.some(({ name }) => name === GUARD_CHAIN));
}
